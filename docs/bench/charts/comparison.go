package charts

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/troupe-go/troupe/docs/bench/report"
)

// comparison draws the suite of actors: times in multiples of the raw channel's,
// and memory.
func comparison(rows []report.Row) (drawn []Chart) {
	var times, memory []report.Row
	for _, r := range rows {
		switch {
		case r.Metric == "time" || r.Metric == "p99 of a call, beside a flood":
			times = append(times, r)
		case r.Metric == "resident memory":
			r.Workload += " " + report.Count(r.Size)
			memory = append(memory, r)
		}
	}
	if len(times) > 0 {
		drawn = append(drawn, dots("actors-time.svg", "Time, in multiples of the raw channel's (left is faster)", relative(times, report.Channel), ratio, 1))
	}
	if len(memory) > 0 {
		drawn = append(drawn, dots("actors-memory.svg", "Resident memory of an idle actor, in bytes (left is smaller)", memory, report.Figure, 0))
	}
	return drawn
}

// relative divides each row by that of the base.
func relative(rows []report.Row, base string) (of []report.Row) {
	for _, r := range rows {
		for _, b := range rows {
			if b.Workload == r.Workload && b.Subject == base && b.Median > 0 {
				r.Median, r.Min, r.Max = r.Median/b.Median, r.Min/b.Median, r.Max/b.Median
				of = append(of, r)
			}
		}
	}
	return of
}

// dots draws a line for each workload and on it a point for each subject, with
// a thin line from its fastest to its slowest run. A mark, if it is not 0, is drawn
// through all lines.
func dots(name, title string, rows []report.Row, write func(float64) string, mark float64) Chart {
	p := newPlot(title)
	workloads := order(rows, workload)
	low, high := math.Inf(1), 0.0
	height := func(w string) float64 {
		for i, other := range workloads {
			if other == w {
				return float64(len(workloads) - 1 - i)
			}
		}
		return 0
	}
	p.Add(stripes{len(workloads)})
	if mark != 0 {
		line, _ := plotter.NewLine(plotter.XYs{{X: mark, Y: -0.5}, {X: mark, Y: float64(len(workloads)) - 0.5}})
		line.Color, line.Dashes = grey, []vg.Length{vg.Points(3), vg.Points(3)}
		p.Add(line)
	}
	names := order(rows, subject)
	for i, s := range names {
		tint, shape := look(s)
		var at plotter.XYs
		for _, r := range rows {
			if r.Subject != s {
				continue
			}
			// Beside each other, in the order of the legend, as they often coincide.
			y := height(r.Workload) + 0.3 - 0.6*float64(i)/float64(max(1, len(names)-1))
			at = append(at, plotter.XY{X: r.Median, Y: y})
			low, high = min(low, r.Min), max(high, r.Max)
			if r.Max > r.Min {
				span, _ := plotter.NewLine(plotter.XYs{{X: r.Min, Y: y}, {X: r.Max, Y: y}})
				span.Color, span.Width = fade(tint), vg.Points(1.5)
				p.Add(span)
			}
		}
		points, _ := plotter.NewScatter(at)
		points.GlyphStyle = draw.GlyphStyle{Color: tint, Radius: vg.Points(3.6), Shape: shape}
		p.Add(points)
		p.Legend.Add(s, points)
	}
	logAxis(&p.X, low/1.3, high*1.3, write)
	p.Y.Min, p.Y.Max = -0.5, float64(len(workloads))-0.5
	var ticks []plot.Tick
	for _, w := range workloads {
		ticks = append(ticks, plot.Tick{Value: height(w), Label: w})
	}
	p.Y.Tick.Marker = plot.ConstantTicks(ticks)
	p.Y.Tick.Length, p.Y.LineStyle.Width = 0, 0
	p.Y.Padding = vg.Points(12) // a reader's font may have wider letters
	p.Y.Tick.Label.Font.Size = vg.Points(11)
	p.X.Max = high * math.Pow(high/low, 0.35) // room for the legend, at the right, whatever the reader's font
	const width = 720
	p.Legend.Left, p.Legend.Top = true, true
	p.Legend.XOffs = vg.Points(width) - margins - p.Y.Padding -
		widest(p.Y.Tick.Label, workloads) - 1.2*(p.Legend.ThumbnailWidth+widest(p.Legend.TextStyle, names))
	return Chart{name, p, vg.Points(width), vg.Points(90 + float64(len(workloads)*(10+6*len(names))))}
}

func widest(style text.Style, texts []string) (w vg.Length) {
	for _, t := range texts {
		w = max(w, style.Width(t))
	}
	return w
}

// stripes shades every other line.
type stripes struct{ n int }

func (s stripes) Plot(c draw.Canvas, p *plot.Plot) {
	_, y := p.Transforms(&c)
	for i := 0; i < s.n; i += 2 {
		low, high := y(float64(i)-0.5), y(float64(i)+0.5)
		c.FillPolygon(color.RGBA{0xf5, 0xf5, 0xf5, 0xff}, []vg.Point{
			{X: c.Min.X, Y: low}, {X: c.Max.X, Y: low}, {X: c.Max.X, Y: high}, {X: c.Min.X, Y: high},
		})
	}
}

// fade makes a colour lighter.
func fade(c color.Color) color.Color {
	r, g, b, _ := c.RGBA()
	half := func(v uint32) uint8 { return uint8((v>>8 + 0xff) / 2) }
	return color.RGBA{half(r), half(g), half(b), 0xff}
}
