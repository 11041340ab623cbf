package schedulercmd

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/scheduler"
)

// shadows reads LOCATION/CLASS=SHARE by commas.
func shadows(text string) ([]scheduler.Shadow, error) {
	if text == "" {
		return nil, nil
	}
	var list []scheduler.Shadow
	for _, part := range strings.Split(text, ",") {
		where, number, ok := strings.Cut(strings.TrimSpace(part), "=")
		location, class, named := strings.Cut(where, "/")
		share, err := strconv.ParseFloat(number, 64)
		if !ok || !named || !check.ValidID(location) || !slices.Contains(jobs.Classes, jobs.Class(class)) || err != nil || !(share > 0 && share <= 1) {
			return nil, fmt.Errorf("-shadow %q: write LOCATION/CLASS=SHARE, with class api or browser and a share of more than 0 and at most 1, such as local/api=0.1", part)
		}
		list = append(list, scheduler.Shadow{Location: location, Class: jobs.Class(class), Share: share})
	}
	return list, nil
}
