package queue

// Marks returns how many marks wait, riders of dropped messages included.
func Marks[T any](q *Queue[T]) int { return len(q.marks) }
