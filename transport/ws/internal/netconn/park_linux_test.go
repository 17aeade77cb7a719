package netconn

// canPark tells whether connections can wait in a lot.
const canPark = true
