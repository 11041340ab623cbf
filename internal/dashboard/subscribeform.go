package dashboard

import (
	"net/http"
	"slices"

	"github.com/probefleet/probefleet/internal/subscription"
)

// maxOffered is the number of services up to which each can be chosen by
// itself; of more only the groups can.
const maxOffered = 200

// formView is the form with which one subscribes, or changes what one is told
// of.
type formView struct {
	layout
	subscription.Choice
	Ways    subscription.Ways
	Address string
	// AddressFault and ChoiceFault say what is wrong with what was sent.
	AddressFault, ChoiceFault string
	// Token is that of the subscription that is changed, "" for a new one, and
	// Kind how it is told.
	Token string
	Kind  subscription.Kind
	Done  string
	Offer []offeredGroup
}

// offeredGroup is a group with the services of it that can be chosen.
type offeredGroup struct {
	Name     string // "" where there are no groups
	Whole    bool   // the group itself can be chosen
	Chosen   bool
	Services []offered
}

type offered struct {
	ID, Name string
	Chosen   bool
}

// form renders v with the services of a frame.
func (d *Dashboard) form(f *frame, code int, v formView) (*page, error) {
	title := "Subscribe · "
	if v.Token != "" {
		title = "Your subscription · "
	}
	v.layout = d.bare(f.site, title+f.site.title)
	v.Forms = true
	few := len(f.checks) <= maxOffered
	for _, j := range f.checks {
		n := len(v.Offer)
		if n == 0 || v.Offer[n-1].Name != j.Group {
			v.Offer = append(v.Offer, offeredGroup{Name: j.Group, Whole: j.Group != "", Chosen: slices.Contains(v.Groups, j.Group)})
			n++
		}
		chosen := slices.Contains(v.Checks, j.ID)
		if few || chosen || j.Group == "" {
			v.Offer[n-1].Services = append(v.Offer[n-1].Services, offered{j.ID, j.Name, chosen})
		}
	}
	if n := len(v.Offer); n > 1 && v.Offer[n-1].Name == "" {
		v.Offer[n-1].Name = otherServices
	}
	if code == 0 {
		code = http.StatusOK
	}
	return execute(subscribePage, code, v)
}
