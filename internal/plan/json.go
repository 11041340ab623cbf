package plan

import (
	"encoding/json"
	"fmt"
	"slices"
)

// DiffJSON lists the properties in which two values differ, by the paths of
// their JSON.
func DiffJSON(before, after any) ([]Change, error) {
	a, err := flattenJSON(before)
	if err != nil {
		return nil, err
	}
	b, err := flattenJSON(after)
	if err != nil {
		return nil, err
	}
	var paths []string
	for p := range a {
		paths = append(paths, p)
	}
	for p := range b {
		if _, both := a[p]; !both {
			paths = append(paths, p)
		}
	}
	slices.SortFunc(paths, comparePaths)
	var changes []Change
	for _, p := range paths {
		was, had := a[p]
		is, has := b[p]
		if had == has && was == is {
			continue
		}
		c := Change{Path: p}
		if had {
			c.Before = &was
		}
		if has {
			c.After = &is
		}
		changes = append(changes, c)
	}
	return changes, nil
}

func flattenJSON(v any) (map[string]string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return nil, err
	}
	leaves := map[string]string{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, inner := range v {
				walk(join(path, k), inner)
			}
		case []any:
			for i, inner := range v {
				walk(fmt.Sprintf("%s[%d]", path, i), inner)
			}
		default:
			leaves[path] = fmt.Sprint(v)
		}
	}
	walk("", value)
	return leaves, nil
}
