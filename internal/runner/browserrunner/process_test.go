package browserrunner

func helper(dir string) {}
