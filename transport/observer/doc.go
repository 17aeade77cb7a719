// Package observer shows a running system in a browser.
package observer
