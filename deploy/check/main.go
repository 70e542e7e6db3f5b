// Check reads what deploy/ holds with the parsers of those who will read it: the compose file with
// compose-go, custom resources with the types of their operators.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	keda "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

func main() {
	if len(os.Args) < 3 {
		fail(errors.New("usage: check compose FILE | check custom FILE..."))
	}
	switch os.Args[1] {
	case "compose":
		fail(compose(os.Args[2]))
	case "custom":
		for _, name := range os.Args[2:] {
			fail(custom(name))
		}
	default:
		fail(fmt.Errorf("no such check: %s", os.Args[1]))
	}
}

// compose checks against the published schema and for consistency: every name that is used is declared.
func compose(name string) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	folder, err := filepath.Abs(filepath.Dir(name))
	if err != nil {
		return err
	}
	project, err := loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir:  folder,
		ConfigFiles: []types.ConfigFile{{Filename: name, Content: content}},
		Environment: types.NewMapping(os.Environ()),
	}, func(o *loader.Options) { o.SetProjectName("chargeline", true); o.Profiles = []string{"*"} })
	if err != nil {
		return err
	}
	fmt.Printf("compose: %d services, %d volumes, %d secrets\n",
		len(project.Services), len(project.Volumes), len(project.Secrets))
	return nil
}

// custom decodes strictly what no schema of Kubernetes itself describes: an unknown field is an error.
func custom(name string) error {
	file, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	checked := 0
	for _, document := range bytes.Split(file, []byte("\n---")) {
		content, err := yaml.YAMLToJSONStrict(document)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		var head struct{ APIVersion, Kind string }
		if err := json.Unmarshal(content, &head); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		into := typeOf(schema.FromAPIVersionAndKind(head.APIVersion, head.Kind))
		if into == nil {
			continue
		}
		decoder := json.NewDecoder(bytes.NewReader(content))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(into); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("%s: %s: %w", name, head.Kind, err)
		}
		checked++
	}
	fmt.Printf("custom resources: %d in %s\n", checked, filepath.Base(name))
	return nil
}

func typeOf(kind schema.GroupVersionKind) any {
	switch kind.GroupKind() {
	case schema.GroupKind{Group: "keda.sh", Kind: "ScaledObject"}:
		return &keda.ScaledObject{}
	case schema.GroupKind{Group: "monitoring.coreos.com", Kind: "ServiceMonitor"}:
		return &monitoring.ServiceMonitor{}
	case schema.GroupKind{Group: "monitoring.coreos.com", Kind: "PrometheusRule"}:
		return &monitoring.PrometheusRule{}
	}
	return nil
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "check:", err)
		os.Exit(1)
	}
}
