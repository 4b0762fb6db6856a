package demo

import "math/rand/v2"

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

var (
	firstNames = []string{"Ann", "Bela", "Chidi", "Dana", "Eko", "Farah", "Gus", "Hana", "Ivo", "Juno", "Kofi", "Lena"}
	lastNames  = []string{"Adler", "Brook", "Castro", "Dune", "Egan", "Frost", "Grau", "Holt", "Ito", "Jansen", "Kral", "Lund"}
	cities     = []string{"Lisbon", "Osaka", "Nairobi", "Graz", "Lima", "Tallinn", "Perth", "Quito"}
)
