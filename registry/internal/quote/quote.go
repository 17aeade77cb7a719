// Package quote writes keys as errors and labels show them.
package quote

import (
	"fmt"
	"reflect"
	"strconv"
)

// Key returns a string in quotes, and any other key as package fmt prints it, which may
// call a method of its own.
func Key(key any) string {
	if v := reflect.ValueOf(key); v.Kind() == reflect.String {
		return strconv.Quote(v.String())
	}
	return fmt.Sprint(key)
}
