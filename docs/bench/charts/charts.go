// Package charts draws the figures of the suites as SVG files.
package charts

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/troupe-go/troupe/docs/bench/report"
)

// A Chart is a plot with the name and the size of its file.
type Chart struct {
	Name          string
	plot          *plot.Plot
	width, height vg.Length
}

// Of returns the charts that the rows give.
func Of(rows []report.Row) (all []Chart) {
	suites := map[string][]report.Row{}
	for _, r := range rows {
		if r.Runs > 0 {
			suites[r.Suite] = append(suites[r.Suite], r)
		}
	}
	all = append(all, comparison(suites["actors"])...)
	all = append(all, servers(suites["channels"])...)
	return append(all, growth(suites["scale"])...)
}

// Draw draws the charts that the rows give into files of a directory, and returns
// the names of the files.
func Draw(rows []report.Row, dir string) (names []string, err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	for _, c := range Of(rows) {
		if err := c.save(filepath.Join(dir, c.Name)); err != nil {
			return names, err
		}
		names = append(names, c.Name)
	}
	return names, nil
}

// Title is what the chart is headed with.
func (c Chart) Title() string { return c.plot.Title.Text }

// margins are what is free at the left and the right of a chart, together.
const margins = vg.Length(28)

func (c Chart) save(name string) error {
	canvas := vgsvg.New(c.width, c.height)
	area := draw.New(canvas)
	area.FillPolygon(white, []vg.Point{area.Min, {X: area.Max.X, Y: area.Min.Y}, area.Max, {X: area.Min.X, Y: area.Max.Y}})
	c.plot.Draw(draw.Crop(area, margins/2, -margins/2, vg.Points(10), -vg.Points(10)))
	var svg bytes.Buffer
	if _, err := canvas.WriteTo(&svg); err != nil {
		return err
	}
	// Where the font is missing, others have letters of the same widths.
	const family = "font-family:Liberation Sans"
	text := bytes.ReplaceAll(svg.Bytes(), []byte(family), []byte(family+",Arial,Helvetica,sans-serif"))
	return os.WriteFile(name, text, 0o666)
}

var (
	grey  = color.RGBA{0x80, 0x80, 0x80, 0xff}
	pale  = color.RGBA{0xe4, 0xe4, 0xe4, 0xff}
	black = color.RGBA{0x22, 0x22, 0x22, 0xff}
	white = color.RGBA{0xff, 0xff, 0xff, 0xff}

	// subjects have the same colour everywhere. The colours can be told apart by
	// people who do not see red and green as others do (Okabe and Ito).
	subjects = []struct {
		name  string
		color color.Color
		shape draw.GlyphDrawer
	}{
		{report.Channel, grey, draw.RingGlyph{}},
		{report.Troupe, color.RGBA{0xd5, 0x5e, 0x00, 0xff}, draw.CircleGlyph{}},
		{"ergo", color.RGBA{0x00, 0x72, 0xb2, 0xff}, draw.SquareGlyph{}},
		{"hollywood", color.RGBA{0x00, 0x9e, 0x73, 0xff}, draw.TriangleGlyph{}},
		{"protoactor", color.RGBA{0xcc, 0x79, 0xa7, 0xff}, draw.PyramidGlyph{}},
		{"goakt", color.RGBA{0x56, 0xb4, 0xe9, 0xff}, draw.BoxGlyph{}},
		{"suture", color.RGBA{0x88, 0x66, 0x22, 0xff}, draw.CrossGlyph{}},
		{report.Bare, grey, draw.RingGlyph{}},
		{"bare, usual", color.RGBA{0x00, 0x72, 0xb2, 0xff}, draw.SquareGlyph{}},
		{"troupe, parked", color.RGBA{0x00, 0x9e, 0x73, 0xff}, draw.TriangleGlyph{}},
	}
	lines = []color.Color{
		subjects[1].color, subjects[2].color, subjects[3].color, subjects[4].color, subjects[5].color, subjects[6].color,
	}
)

// look returns the colour and the shape of a subject's points.
func look(subject string) (color.Color, draw.GlyphDrawer) {
	for _, s := range subjects {
		if s.name == subject {
			return s.color, s.shape
		}
	}
	return black, draw.PlusGlyph{}
}

func newPlot(title string) *plot.Plot {
	plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"}
	p := plot.New()
	p.Title.Text = title
	p.Title.TextStyle.Font.Size = vg.Points(13)
	p.Title.TextStyle.Font.Weight = 2 // bold
	p.Title.Padding = vg.Points(8)
	p.BackgroundColor = white
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font.Size = vg.Points(11)
		a.Tick.Label.Font.Size = vg.Points(10)
		a.Color, a.Tick.Color, a.Tick.Label.Color = grey, grey, black
		a.LineStyle.Color = grey
	}
	p.Legend.TextStyle.Font.Size = vg.Points(10)
	p.Legend.Padding = vg.Points(3)
	p.Legend.ThumbnailWidth = vg.Points(18)
	return p
}

// logTicks marks the powers of ten, and 2 and 5 where few powers are in sight.
type logTicks struct{ write func(float64) string }

func (t logTicks) Ticks(low, high float64) (ticks []plot.Tick) {
	few := math.Log10(high/low) < 2.2
	for power := math.Pow(10, math.Floor(math.Log10(low))); power <= high; power *= 10 {
		for _, m := range []float64{1, 2, 3, 4, 5, 6, 7, 8, 9} {
			v := m * power
			if v < low*0.999 || v > high*1.001 {
				continue
			}
			tick := plot.Tick{Value: v}
			if m == 1 || few && (m == 2 || m == 5) {
				tick.Label = t.write(v)
			}
			ticks = append(ticks, tick)
		}
	}
	return ticks
}

func logAxis(a *plot.Axis, low, high float64, write func(float64) string) {
	a.Scale = plot.LogScale{}
	a.Min, a.Max = low, high
	a.Tick.Marker = logTicks{write}
}

// ratio and count write the numbers on an axis.
func ratio(v float64) string { return report.Figure(v) + "×" }

func count(v float64) string {
	switch {
	case v >= 1e6:
		return report.Figure(v/1e6) + "M"
	case v >= 1e3:
		return report.Figure(v/1e3) + "k"
	}
	return report.Figure(v)
}

// slug makes a file name of a title.
func slug(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(s))
}

// order returns what occurs, each once, as it first occurs.
func order(rows []report.Row, of func(report.Row) string) (names []string) {
	for _, r := range rows {
		if !slices.Contains(names, of(r)) {
			names = append(names, of(r))
		}
	}
	return names
}

func workload(r report.Row) string { return r.Workload }
func subject(r report.Row) string  { return r.Subject }
func metric(r report.Row) string   { return fmt.Sprintf("%s, %s", r.Metric, r.Unit) }
