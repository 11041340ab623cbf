package alert

// Without is m without what it tells of alerts of which nobody is to be told any
// more: that they began, and that they last. That they are over is told in any
// case, unless the channel cannot know that they began: where m was never tried
// and tells both. left are the items that it leaves out.
func (m Message) Without(hushed map[string]string, tried bool) (rest Message, left []Item) {
	rest, rest.Items = m, nil
	begins := map[string]bool{}
	for _, i := range m.Items {
		begins[i.AlertID] = begins[i.AlertID] || i.What == TellOpened
	}
	for _, i := range m.Items {
		begin := i.What == TellOpened || i.What == TellReminder
		if hushed[i.AlertID] != "" && (begin || !tried && begins[i.AlertID]) {
			left = append(left, i)
			if i.What == TellOpened {
				rest.Open = max(0, rest.Open-1)
			}
			continue
		}
		rest.Items = append(rest.Items, i)
	}
	if len(rest.Items) > 0 {
		rest.Title = title(rest.Items)
	}
	return rest, left
}
