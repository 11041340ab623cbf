package pipelinefile

// Driver is how a stage is looked at and changed; exactly one is named.
type Driver struct {
	Exec   *Exec   `json:"exec"`
	Docker *Docker `json:"docker"`
	ASG    *ASG    `json:"asg"`
	ECS    *ECS    `json:"ecs"`
}

// Exec is a command per action. {service}, {stage}, {commit} and {image} are
// filled in.
type Exec struct {
	Running  []string `json:"running"`
	Deploy   []string `json:"deploy"`
	Ready    []string `json:"ready"`
	Rollback []string `json:"rollback"`
	Folder   string   `json:"folder"`
}

// Docker is a number of equal containers on this host.
type Docker struct {
	Socket   string            `json:"socket"`
	Count    int               `json:"count"`
	Command  []string          `json:"command"`
	Env      map[string]string `json:"env"`
	EnvFrom  []string          `json:"env_from"`
	EnvFile  string            `json:"env_file"`
	Network  string            `json:"network"`
	Memory   int               `json:"memory_mb"`
	CPUs     float64           `json:"cpus"`
	ShmSize  int               `json:"shm_mb"`
	Tmpfs    []string          `json:"tmpfs"`
	Binds    []string          `json:"binds"`
	ReadOnly bool              `json:"read_only"`
	Seccomp  string            `json:"seccomp"`
	Pids     int               `json:"pids"`
	Ready    Duration          `json:"ready"`
	Drain    Duration          `json:"drain"`
	Pull     bool              `json:"pull"`
}

// ASG is an auto-scaling group. TemplateVersion prints which version of its
// launch template runs a commit.
type ASG struct {
	Region          string   `json:"region"`
	Group           string   `json:"group"`
	TemplateVersion []string `json:"template_version"`
	Warmup          Duration `json:"warmup"`
}

// ECS is a service of a cluster.
type ECS struct {
	Region    string `json:"region"`
	Cluster   string `json:"cluster"`
	Service   string `json:"service"`
	Container string `json:"container"`
}
