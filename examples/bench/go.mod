module github.com/troupe-go/troupe/examples/bench

go 1.26

replace github.com/troupe-go/troupe => ../..
