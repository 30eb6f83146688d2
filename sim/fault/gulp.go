package fault

// MarkGulp says that a consumer left alone what came.
const MarkGulp = "fault.gulp"

var gulpClass = Class{
	Name: "gulp", Usage: "gulp a 2s", Doc: "The consumers on the host read all that is there, then nothing for so long, and so on.",
	Marks: []string{MarkGulp}, parse: turnTo("gulp"),
}
