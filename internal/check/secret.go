package check

import "regexp"

// MinSecret is the number of bytes that a secret has at least: a shorter one
// could not be hidden without hiding words as well.
const MinSecret = 4

var secretForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

// ValidSecret reports whether name may name a secret: 1 to 63 letters, digits
// and '_', not starting with a digit, so that expressions can use it.
func ValidSecret(name string) bool { return secretForm.MatchString(name) }
