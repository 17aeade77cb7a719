// Package limit holds the clients of a transport back: by [Rate] when they send too
// fast, and by [Inflow] when they send more than is handled. What is held back is not
// read, so the client notices nothing but delay. [Recent] is for limits by user.
package limit
