module github.com/ampersink/ampersink

go 1.26.0
