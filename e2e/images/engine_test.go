// Package images tries the images in a Docker engine: what they hold, under
// what they run, and that a fleet of them is replaced without losing a job.
//
// Where no engine answers the tests are left out, and scripts/engine.sh, by
// which `make test` runs them, says so. Images come from the environment, else
// they are built here:
//
//	PROBEFLEET_WORKER_IMAGE, PROBEFLEET_CONTROL_IMAGE, PROBEFLEET_POSTGRES_IMAGE
package images

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ory/dockertest/v3"
	"github.com/ory/dockertest/v3/docker"
)

// mark is on every container that these tests start.
const mark = "probefleet.test"

// stand is what the tests share.
var stand struct {
	pool *dockertest.Pool
	// Names of images.
	worker, control, postgres string
	missing                   string // why there is no engine
}

func TestMain(m *testing.M) { os.Exit(runMain(m)) }

func runMain(m *testing.M) int {
	if stand.missing = engine(); stand.missing != "" {
		fmt.Fprintln(os.Stderr, "the tests of the images do not run:", stand.missing)
		return m.Run()
	}
	if err := images(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	left, err := stand.pool.Client.ListContainers(docker.ListContainersOptions{All: true, Filters: map[string][]string{"label": {mark + "=" + run}}})
	if err != nil || len(left) > 0 {
		fmt.Fprintln(os.Stderr, "containers left behind:", len(left), err)
		code = max(code, 1)
	}
	return code
}

// run tells the containers of this run from those of others.
var run = fmt.Sprintf("run-%d", os.Getpid())

// engine finds the Docker engine; it answers why there is none.
func engine() string {
	if runtime.GOOS != "linux" {
		return "containers have to reach the test's own servers, which takes Linux"
	}
	var err error
	if stand.pool, err = dockertest.NewPool(""); err != nil {
		return err.Error()
	}
	if err := stand.pool.Client.Ping(); err != nil {
		return fmt.Sprintf("no Docker engine answers (%v); scripts/engine.sh starts one", err)
	}
	stand.pool.MaxWait = 2 * time.Minute
	return ""
}

// images takes the names of the images from the environment, and builds what
// it does not name.
func images() error {
	stand.worker, stand.control, stand.postgres = os.Getenv("PROBEFLEET_WORKER_IMAGE"), os.Getenv("PROBEFLEET_CONTROL_IMAGE"), os.Getenv("PROBEFLEET_POSTGRES_IMAGE")
	var targets []string
	for target, name := range map[string]*string{"worker": &stand.worker, "control": &stand.control} {
		if *name == "" {
			targets = append(targets, target)
			*name = "probefleet/" + target + ":test"
		}
	}
	if len(targets) > 0 {
		build := exec.Command("sh", "../../scripts/images.sh")
		build.Env = append(os.Environ(), "TARGETS="+strings.Join(targets, " "), "TAG=test", "REGISTRY=probefleet")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building the images: %w\n%s", err, out)
		}
	}
	if stand.postgres != "" {
		return nil
	}
	stand.postgres = "probefleet/test-postgres:latest"
	base := os.Getenv("BASE")
	if base == "" {
		base = "debian:bookworm-slim"
	}
	dockerfile, err := os.ReadFile("testdata/postgres.Dockerfile")
	if err != nil {
		return err
	}
	script, err := os.ReadFile("testdata/postgres.sh")
	if err != nil {
		return err
	}
	return image(stand.postgres, map[string][]byte{"Dockerfile": dockerfile, "postgres.sh": script}, docker.BuildArg{Name: "BASE", Value: base})
}

// image builds an image of files, one of which is the Dockerfile.
func image(name string, files map[string][]byte, args ...docker.BuildArg) error {
	var buf, out bytes.Buffer
	w := tar.NewWriter(&buf)
	for path, data := range files {
		if err := w.WriteHeader(&tar.Header{Name: path, Mode: 0o755, Size: int64(len(data))}); err != nil {
			return err
		}
		if _, err := w.Write(data); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	err := stand.pool.Client.BuildImage(docker.BuildImageOptions{Name: name, InactivityTimeout: 10 * time.Minute, InputStream: &buf, OutputStream: &out, BuildArgs: args, RmTmpContainer: true})
	if err != nil {
		return fmt.Errorf("building %s: %w\n%s", name, err, out.String())
	}
	return nil
}

// needEngine leaves a test out where there is no engine.
func needEngine(t *testing.T) {
	t.Helper()
	if stand.missing != "" {
		t.Skip(stand.missing)
	}
}

// network makes a network for a test. gateway is the address at which its
// containers reach this process.
func network(t *testing.T) (n *dockertest.Network, gateway string) {
	t.Helper()
	n, err := stand.pool.CreateNetwork(fmt.Sprintf("probefleet-test-%d-%d", os.Getpid(), time.Now().UnixNano()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	info, err := stand.pool.Client.NetworkInfo(n.Network.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range info.IPAM.Config {
		if c.Gateway != "" {
			return n, strings.Split(c.Gateway, "/")[0]
		}
	}
	t.Fatalf("the network has no gateway: %+v", info.IPAM)
	return nil, ""
}

// start runs a container of an image; it ends with the test. Its output is
// shown where the test fails.
func start(t *testing.T, image string, o *dockertest.RunOptions, change ...func(*docker.HostConfig)) *dockertest.Resource {
	t.Helper()
	colon := strings.LastIndex(image, ":")
	o.Repository, o.Tag = image[:colon], image[colon+1:]
	o.Labels = map[string]string{mark: run}
	r, err := stand.pool.RunWithOptions(o, change...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("output of %s:\n%s", o.Name, logs(r.Container.ID))
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// logs is the end of what a container printed.
func logs(id string) string {
	var b bytes.Buffer
	if err := stand.pool.Client.Logs(docker.LogsOptions{Container: id, OutputStream: &b, ErrorStream: &b, Stdout: true, Stderr: true, Tail: "40"}); err != nil {
		return err.Error()
	}
	return b.String()
}

// said runs a command in a container and answers what it printed.
func said(t *testing.T, r *dockertest.Resource, command ...string) (code int, out string) {
	t.Helper()
	var b bytes.Buffer
	code, err := r.Exec(command, dockertest.ExecOptions{StdOut: &b, StdErr: &b})
	if err != nil {
		t.Fatalf("%v: %v", command, err)
	}
	return code, b.String()
}

// eventually asks until ask returns nil, and fails the test with its last
// error after the limit.
func eventually(t *testing.T, limit time.Duration, ask func() error) {
	t.Helper()
	over := time.Now().Add(limit)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return
		}
		if time.Now().After(over) {
			t.Fatalf("not within %s: %v", limit, err)
		}
		<-tick.C
	}
}

// program copies a program out of the control image, as an installation does.
func program(t *testing.T, name string) string {
	t.Helper()
	c, err := stand.pool.Client.CreateContainer(docker.CreateContainerOptions{Config: &docker.Config{Image: stand.control, Labels: map[string]string{mark: run}}})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	err = stand.pool.Client.DownloadFromContainer(c.ID, docker.DownloadFromContainerOptions{Path: "/usr/local/bin/" + name, OutputStream: &b})
	if gone := stand.pool.Client.RemoveContainer(docker.RemoveContainerOptions{ID: c.ID, Force: true}); err != nil || gone != nil {
		t.Fatal(err, gone)
	}
	r := tar.NewReader(&b)
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(f, r)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}
