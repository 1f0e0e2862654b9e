// What sops itself reads from a plain file, one line per leaf, for comparisons of data.
//
// Each line of the input names a format (yaml, json, dotenv, ini), a tab and a file. The answer is one line per leaf, then
// "end", or "fault" and a reason where sops does not read the file:
//
//	DOCUMENT PATH TYPE VALUE   (with tabs between)
//
// with the path as sops writes it, ["key"][0], and the value in Go's quotes. Comments are leaves of the type "comment" under
// the path of what holds them.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/config"
	dotenvstore "github.com/getsops/sops/v3/stores/dotenv"
	inistore "github.com/getsops/sops/v3/stores/ini"
	jsonstore "github.com/getsops/sops/v3/stores/json"
	yamlstore "github.com/getsops/sops/v3/stores/yaml"
)

type reader interface {
	LoadPlainFile(in []byte) (sops.TreeBranches, error)
}

func readerOf(format string) (reader, error) {
	stores := config.NewStoresConfig()
	switch format {
	case "yaml":
		return yamlstore.NewStore(&stores.YAML), nil
	case "json":
		return jsonstore.NewStore(&stores.JSON), nil
	case "dotenv":
		return dotenvstore.NewStore(&stores.Dotenv), nil
	case "ini":
		return inistore.NewStore(&stores.INI), nil
	}
	return nil, fmt.Errorf("no such format: %s", format)
}

// leaves writes what stands below value.
func leaves(out io.Writer, document int, path string, value any) {
	line := func(kind, text string) {
		fmt.Fprintf(out, "%d\t%s\t%s\t%s\n", document, path, kind, strconv.Quote(text))
	}
	switch value := value.(type) {
	case nil:
		line("null", "")
	case sops.TreeBranch:
		empty := true
		for _, item := range value {
			if comment, ok := item.Key.(sops.Comment); ok {
				leaves(out, document, path, comment)
				continue
			}
			empty = false
			key, err := json.Marshal(item.Key)
			if err != nil {
				key = []byte(strconv.Quote(fmt.Sprint(item.Key)))
			}
			leaves(out, document, path+"["+string(key)+"]", item.Value)
		}
		if empty {
			line("map", "")
		}
	case []any:
		place := 0
		for _, item := range value {
			if comment, ok := item.(sops.Comment); ok {
				leaves(out, document, path, comment)
				continue
			}
			leaves(out, document, path+"["+strconv.Itoa(place)+"]", item)
			place++
		}
		if place == 0 {
			line("list", "")
		}
	case sops.Comment:
		line("comment", value.Value)
	case string:
		line("str", value)
	case []byte:
		line("str", string(value))
	case bool:
		line("bool", strconv.FormatBool(value))
	case float64:
		line("float", strconv.FormatFloat(value, 'g', -1, 64))
	case time.Time:
		line("time", value.Format(time.RFC3339Nano))
	default:
		line("int", fmt.Sprint(value))
	}
}

func answer(out io.Writer, format, path string) error {
	store, err := readerOf(format)
	if err != nil {
		return err
	}
	source, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	documents, err := store.LoadPlainFile(source)
	if err != nil {
		return err
	}
	for number, document := range documents {
		leaves(out, number, "", document)
	}
	return nil
}

func main() {
	out := bufio.NewWriter(os.Stdout)
	questions := bufio.NewScanner(os.Stdin)
	for questions.Scan() {
		format, path, _ := strings.Cut(questions.Text(), "\t")
		if err := answer(out, format, path); err != nil {
			fmt.Fprintf(out, "fault %s\n", strconv.Quote(err.Error()))
		} else {
			fmt.Fprintln(out, "end")
		}
		if err := out.Flush(); err != nil {
			os.Exit(1)
		}
	}
}
