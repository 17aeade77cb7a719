package view_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/troupe-go/troupe/registry/view"
)

func ExampleTable() {
	stock := map[string]int{"apples": 3, "pears": 0}
	table := view.Table{Name: "stock", Columns: []string{"fruit", "left"},
		Rows: func(_ context.Context, filter string, limit int) (rows [][]string, total int, err error) {
			for _, fruit := range []string{"apples", "pears"} {
				if !strings.Contains(fruit, filter) {
					continue
				}
				if total++; len(rows) < limit {
					rows = append(rows, []string{fruit, fmt.Sprint(stock[fruit])})
				}
			}
			return rows, total, nil
		}}
	rows, total, _ := table.Rows(context.Background(), "pear", 10)
	fmt.Println(rows, total)
	// Output: [[pears 0]] 1
}
