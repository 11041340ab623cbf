package checkfile

import "github.com/probefleet/probefleet/internal/statuspage"

// subscriptionKeys are those of the subscriptions of a page.
var subscriptionKeys = []string{"email", "webhook", "url"}

// subscriptions reads how the readers of a page may be told.
func (d *decoder) subscriptions(o *object) *statuspage.Subscriptions {
	v := o.value("subscriptions")
	if v == nil {
		return nil
	}
	of, ok := d.object(v, "subscriptions", "subscriptions", subscriptionKeys)
	if !ok {
		return nil
	}
	s := &statuspage.Subscriptions{}
	of.text("email", &s.Email)
	of.flag("webhook", &s.Webhook)
	of.text("url", &s.URL)
	return s
}
