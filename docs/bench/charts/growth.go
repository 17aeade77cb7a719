package charts

import (
	"fmt"
	"math"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/troupe-go/troupe/docs/bench/report"
)

// growth draws the suite of scale: a chart for each workload and unit, with the
// cost of one against how many there are, both logarithmic.
func growth(rows []report.Row) (drawn []Chart) {
	for _, w := range order(rows, workload) {
		for _, unit := range []string{"ns", "B"} {
			var some []report.Row
			for _, r := range rows {
				if r.Workload == w && r.Unit == unit && r.Median > 0 {
					some = append(some, r)
				}
			}
			if len(some) == 0 || unit == "B" {
				continue
			}
			drawn = append(drawn, slopes("scale-"+slug(w)+".svg", w, some))
		}
	}
	return drawn
}

func slopes(name, of string, rows []report.Row) Chart {
	p := newPlot("Cost of one, by the number of " + of)
	p.X.Label.Text = "number of " + of
	p.Y.Label.Text = "ns for each"
	p.Add(grid())
	low, high := math.Inf(1), 0.0
	from, to := math.Inf(1), 0.0
	for i, m := range order(rows, metric) {
		var at plotter.XYs
		var x, y []float64
		var name string
		for _, r := range rows {
			if metric(r) == m {
				name = r.Metric
				at = append(at, plotter.XY{X: float64(r.Size), Y: r.Median})
				x, y = append(x, float64(r.Size)), append(y, r.Median)
				low, high = min(low, r.Median), max(high, r.Median)
				from, to = min(from, float64(r.Size)), max(to, float64(r.Size))
			}
		}
		line, points, _ := plotter.NewLinePoints(at)
		line.Color, line.Width = lines[i%len(lines)], vg.Points(1.6)
		points.GlyphStyle = draw.GlyphStyle{Color: line.Color, Radius: vg.Points(3.2), Shape: draw.CircleGlyph{}}
		p.Add(line, points)
		p.Legend.Add(fmt.Sprintf("%s (slope %+.2f)", name, report.Slope(x, y)), line, points)
	}
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.YOffs = vg.Points(-2)
	logAxis(&p.X, from/1.2, to*1.2, count)
	logAxis(&p.Y, pow10Below(low), pow10Below(high)*10*math.Pow(10, 0.25+0.22*float64(len(order(rows, metric)))), report.Figure)
	return Chart{name, p, vg.Points(560), vg.Points(360)}
}

func pow10Below(v float64) float64 { return math.Pow(10, math.Floor(math.Log10(v))) }

func grid() *plotter.Grid {
	g := plotter.NewGrid()
	g.Vertical.Color, g.Horizontal.Color = pale, pale
	return g
}
