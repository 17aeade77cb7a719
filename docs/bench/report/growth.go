package report

import (
	"fmt"
	"math"
	"slices"
)

// Growth makes a table of rows that differ in size: a line for each workload and
// metric, a column for each size, and the exponent of growth.
func Growth(rows []Row) Table {
	type key struct{ workload, metric, unit string }
	var keys []key
	var sizes []int
	cells := map[key]map[int]Row{}
	for _, r := range rows {
		if r.Runs == 0 {
			continue
		}
		k := key{r.Workload, r.Metric, r.Unit}
		if cells[k] == nil {
			cells[k] = map[int]Row{}
			keys = append(keys, k)
		}
		cells[k][r.Size] = r
		if !slices.Contains(sizes, r.Size) {
			sizes = append(sizes, r.Size)
		}
	}
	slices.Sort(sizes)
	head := []string{"number of", "cost of one"}
	for _, n := range sizes {
		head = append(head, Count(n))
	}
	table := Table{append(head, "slope")}
	for _, k := range keys {
		line := []string{k.workload, k.metric + ", " + k.unit}
		var x, y []float64
		for _, n := range sizes {
			r, ok := cells[k][n]
			if !ok {
				line = append(line, "")
				continue
			}
			line = append(line, Figure(r.Median))
			x, y = append(x, float64(n)), append(y, r.Median)
		}
		table = append(table, append(line, fmt.Sprintf("%+.2f", Slope(x, y))))
	}
	return table
}

// Slope returns the slope of the straight line that is nearest to the points when
// both axes are logarithmic: the exponent of growth. For the cost of one it is 0
// if the whole grows in proportion. Points that are not positive do not count.
func Slope(x, y []float64) float64 {
	var n, sx, sy, sxx, sxy float64
	for i := range x {
		if x[i] <= 0 || y[i] <= 0 {
			continue
		}
		lx, ly := math.Log(x[i]), math.Log(y[i])
		n, sx, sy, sxx, sxy = n+1, sx+lx, sy+ly, sxx+lx*lx, sxy+lx*ly
	}
	if d := n*sxx - sx*sx; d > 0 {
		return (n*sxy - sx*sy) / d
	}
	return 0
}
