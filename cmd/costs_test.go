package cmd_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/probefleet/probefleet/internal/capacity"
	"github.com/probefleet/probefleet/internal/queue"
)

// number finds the number that a pattern's group is.
func number(t *testing.T, text, pattern string) float64 {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("nothing is as %s", pattern)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestCostsOfAMillionChecks works the table of docs/terraform.md out again:
// from the prices that it names, the slots of an instance as the module
// location has them, and the share of them that the scheduler keeps busy.
func TestCostsOfAMillionChecks(t *testing.T) {
	read := func(path string) string {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	page, module := read("../docs/terraform.md"), read("../deploy/terraform/modules/location/variables.tf")
	request := number(t, page, `SQS ([0-9.]+) per million requests`)
	hour := number(t, page, `32 GiB ([0-9.]+) an hour`)
	write := number(t, page, `S3 ([0-9.]+) per thousand writes`)
	gigabyte := number(t, page, `traffic out ([0-9.]+) per GB`)
	units := int(number(t, module, `(?s)variable "units" .*?default     = ([0-9]+)`))
	slots := func(class string) int {
		return int(number(t, module, `(?s)variable "slots" .*?default     = \{.*?`+class+` = ([0-9]+)`))
	}
	api, browser, busy := slots("api"), slots("browser"), capacity.Usual(1).Busy
	hours := func(service float64, slots int) float64 { return 1e6 * service / (float64(units*slots) * busy * 3600) }

	const calls = 6.0 // millions: send, receive, delete of two messages
	apiSum := calls/queue.MaxBatch*request + hours(0.5, api)*hour + 2*gigabyte
	browserSum := calls*request + hours(8, browser)*hour + 10*write + 200*gigabyte
	for _, want := range []string{
		fmt.Sprintf("batches of ten make %.1f million: **%.2f** | %.0f million, as slots are few: **%.2f** |", calls/queue.MaxBatch, calls/queue.MaxBatch*request, calls, calls*request),
		fmt.Sprintf("| %d slots an instance (%d × %d), ρ %g: 1e6·0.5/(%d·%g·3600) = %.1f h: **%.2f** |", units*api, units, api, busy, units*api, busy, hours(0.5, api), hours(0.5, api)*hour),
		fmt.Sprintf("| %d slots (%d × %d): 1e6·8/(%d·%g·3600) = %.0f h: **%.0f** |", units*browser, units, browser, units*browser, busy, hours(8, browser), hours(8, browser)*hour),
		fmt.Sprintf("| 10,000 writes: **%.2f** |", 10*write),
		fmt.Sprintf("| 2 GB: **%.2f** | 200 GB: **%.0f** |", 2*gigabyte, 200*gigabyte),
		fmt.Sprintf("| **sum** | **%.1f** | **%.0f** |", apiSum, browserSum),
	} {
		if !strings.Contains(page, want) {
			t.Errorf("docs/terraform.md does not say what comes of its own prices:\n%s", want)
		}
	}
}
