package shop

import (
	"fmt"
	"strings"
)

// price is an amount of cents.
type price int

func (p price) String() string { return fmt.Sprintf("€%d.%02d", p/100, p%100) }

// product is something to buy. Art and Tone choose its drawing and colours.
type product struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Blurb string `json:"description"`
	Cents price  `json:"price_cents"`
	Kind  string `json:"kind"`
	Art   string `json:"-"`
	Tone  string `json:"-"`
}

var catalog = []product{
	{"first-flush", "First Flush Darjeeling", "Spring leaves from a steep hillside: muscatel, bright and gone by June.", 1450, "tea", "tin", "moss"},
	{"harbour-breakfast", "Harbour Breakfast Tea", "Assam and Kenya, blended strong enough for ferry captains and milk.", 920, "tea", "tin", "brick"},
	{"smoked-pine", "Smoked Pine Tea", "A small leaf dried over pine embers. Campfire, tar and honey.", 1180, "tea", "tin", "ink"},
	{"orchard-green", "Orchard Green Tea", "Steamed green tea with apple peel and verbena; forgiving of hot water.", 1040, "tea", "tin", "apple"},
	{"evening-rooibos", "Evening Rooibos", "No caffeine, a little vanilla, and nothing to answer before morning.", 860, "tea", "tin", "honey"},
	{"copper-kettle", "Copper Kettle", "Holds 1.2 litres, whistles in F sharp and pours without a drip.", 8900, "kettle", "kettle", "copper"},
	{"round-teapot", "Round Teapot", "Stoneware for four cups, with a lid that stays on when you pour.", 5400, "teapot", "pot", "sea"},
	{"little-teapot", "Little Teapot", "For one, twice. Glazed by hand in a blue that took three years.", 3900, "teapot", "pot", "dusk"},
	{"fog-mug", "Fog Mug", "Heavy-bottomed and pale grey, for long talks and cold windowsills.", 1900, "mug", "mug", "fog"},
	{"ember-mug", "Ember Mug", "Rough outside, smooth inside, the red of a fire that is nearly out.", 1900, "mug", "mug", "brick"},
	{"travel-mug", "Slow Travel Mug", "Keeps tea hot for five hours; forty minutes longer than the train.", 2600, "mug", "mug", "moss"},
	{"leaf-scoop", "Leaf Scoop", "Cherry wood. One scoop is one pot, whatever your grandmother says.", 1200, "tool", "scoop", "honey"},
}

func find(id string) (product, bool) {
	for _, p := range catalog {
		if p.ID == id {
			return p, true
		}
	}
	return product{}, false
}

// search finds the products that have every word of q in name, kind or blurb;
// an empty q finds all.
func search(q string) []product {
	words := strings.Fields(strings.ToLower(q))
	found := []product{}
	for _, p := range catalog {
		text := strings.ToLower(p.Name + " " + p.Kind + " " + p.Blurb)
		hit := true
		for _, w := range words {
			hit = hit && strings.Contains(text, w)
		}
		if hit {
			found = append(found, p)
		}
	}
	return found
}

// line is a product in a cart.
type line struct {
	product
	Quantity int
}

// Sum is what the line costs.
func (l line) Sum() price { return l.Cents * price(l.Quantity) }

// maxQuantity is the most that a cart holds of one product.
const maxQuantity = 20

const (
	shippingCost price = 490
	freeFrom     price = 5000
)

// cart is what a visitor wants.
type cart []line

// add puts quantity more of a product into the cart, up to maxQuantity.
func (c cart) add(p product, quantity int) cart {
	for i := range c {
		if c[i].ID == p.ID {
			c[i].Quantity = min(maxQuantity, c[i].Quantity+quantity)
			return c
		}
	}
	return append(c, line{p, min(maxQuantity, quantity)})
}

// without is the cart without a product.
func (c cart) without(id string) cart {
	rest := cart{}
	for _, l := range c {
		if l.ID != id {
			rest = append(rest, l)
		}
	}
	return rest
}

// Count is the number of things in the cart.
func (c cart) Count() int {
	n := 0
	for _, l := range c {
		n += l.Quantity
	}
	return n
}

// Subtotal is what the things cost.
func (c cart) Subtotal() price {
	var sum price
	for _, l := range c {
		sum += l.Sum()
	}
	return sum
}

// Shipping is free for large orders and for none.
func (c cart) Shipping() price {
	if s := c.Subtotal(); s == 0 || s >= freeFrom {
		return 0
	}
	return shippingCost
}

// Total is what is to be paid.
func (c cart) Total() price { return c.Subtotal() + c.Shipping() }
