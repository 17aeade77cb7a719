package report

// A Sample is what one pass over a workload gives in one respect.
type Sample struct {
	Metric, Unit string
	Value        float64
}

// Samples are those of several passes. The zero Samples has none.
type Samples struct {
	first  []Sample // for the metrics, their order and units
	values map[string][]float64
}

// Add adds those of a pass.
func (s *Samples) Add(pass []Sample) {
	if s.values == nil {
		s.first, s.values = pass, map[string][]float64{}
	}
	for _, one := range pass {
		s.values[one.Metric] = append(s.values[one.Metric], one.Value)
	}
}

// Rows returns a row for each metric, which is otherwise like r.
func (s *Samples) Rows(r Row) []Row {
	var rows []Row
	for _, one := range s.first {
		r.Metric, r.Unit = one.Metric, one.Unit
		rows = append(rows, r.Of(s.values[one.Metric]...))
	}
	return rows
}
