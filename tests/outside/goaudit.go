// Goaudit checks published log files with Go's own code for checksum databases, golang.org/x/mod/sumdb.
//
// Usage: goaudit FOLDER VKEY [SIZE...]
//
// It opens the checkpoint with sumdb/note, reads every tile through tlog.TileHashReader, which authenticates it against
// the signed root, checks every entry against its authenticated hash, proves and checks the inclusion of some entries
// and the consistency with the sizes given, and prints those proofs as JSON.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type inclusion struct {
	Index    int64    `json:"index"`
	LeafHash string   `json:"leaf_hash"`
	Hashes   []string `json:"hashes"`
}

type consistency struct {
	OldSize int64    `json:"old_size"`
	OldRoot string   `json:"old_root"`
	Hashes  []string `json:"hashes"`
}

type report struct {
	Origin      string        `json:"origin"`
	Size        int64         `json:"size"`
	Root        string        `json:"root"`
	Entries     int64         `json:"entries"`
	Inclusion   []inclusion   `json:"inclusion"`
	Consistency []consistency `json:"consistency"`
}

type reader struct{ folder string }

func (r reader) Height() int { return 8 }

// path turns Go's tile/8/0/000 and tile/8/data/000 into the names of C2SP tlog-tiles.
func (r reader) path(t tlog.Tile) string {
	name := strings.TrimPrefix(t.Path(), "tile/8/")
	return filepath.Join(r.folder, "tile", strings.Replace(name, "data/", "entries/", 1))
}

func (r reader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, t := range tiles {
		content, err := os.ReadFile(r.path(t))
		if err != nil {
			return nil, err
		}
		all = append(all, content)
	}
	return all, nil
}

func (r reader) SaveTiles(tiles []tlog.Tile, data [][]byte) {}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func encoded(hashes []tlog.Hash) []string {
	texts := []string{}
	for _, h := range hashes {
		texts = append(texts, base64.StdEncoding.EncodeToString(h[:]))
	}
	return texts
}

func main() {
	log.SetFlags(0)
	folder, vkey := os.Args[1], os.Args[2]
	content, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	must(err)
	verifier, err := note.NewVerifier(vkey)
	must(err)
	opened, err := note.Open(content, note.VerifierList(verifier))
	must(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := tlog.ParseHash(lines[2])
	must(err)
	if lines[0] != verifier.Name() {
		log.Fatalf("the checkpoint is of %s", lines[0])
	}
	tree := tlog.Tree{N: size, Hash: root}
	r := reader{folder}
	hashes := tlog.TileHashReader(tree, r)

	found := report{Origin: lines[0], Size: size, Root: lines[2], Inclusion: []inclusion{}, Consistency: []consistency{}}
	for first := int64(0); first < size; first += 256 {
		width := size - first
		if width > 256 {
			width = 256
		}
		bundle, err := os.ReadFile(r.path(tlog.Tile{H: 8, L: -1, N: first / 256, W: int(width)}))
		must(err)
		var indexes []int64
		for i := first; i < first+width; i++ {
			indexes = append(indexes, tlog.StoredHashIndex(0, i))
		}
		stored, err := hashes.ReadHashes(indexes)
		must(err)
		for i := int64(0); i < width; i++ {
			length := int(bundle[0])<<8 | int(bundle[1])
			if tlog.RecordHash(bundle[2:2+length]) != stored[i] {
				log.Fatalf("entry %d is not the one that was signed", first+i)
			}
			bundle = bundle[2+length:]
			found.Entries++
		}
		if len(bundle) != 0 {
			log.Fatalf("bundle %d is too long", first/256)
		}
	}

	seen := map[int64]bool{}
	for _, index := range []int64{0, 1, 127, 128, 255, 256, size / 2, size - 1} {
		if index >= size || seen[index] {
			continue
		}
		seen[index] = true
		p, err := tlog.ProveRecord(size, index, hashes)
		must(err)
		leaf, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
		must(err)
		must(tlog.CheckRecord(p, size, root, index, leaf[0]))
		found.Inclusion = append(found.Inclusion, inclusion{index, encoded(leaf)[0], encoded(p)})
	}
	for _, text := range os.Args[3:] {
		old, err := strconv.ParseInt(text, 10, 64)
		must(err)
		oldRoot, err := tlog.TreeHash(old, hashes)
		must(err)
		p, err := tlog.ProveTree(size, old, hashes)
		must(err)
		must(tlog.CheckTree(p, size, root, old, oldRoot))
		found.Consistency = append(found.Consistency, consistency{old, encoded([]tlog.Hash{oldRoot})[0], encoded(p)})
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", " ")
	must(out.Encode(found))
	fmt.Fprintf(os.Stderr, "%d entries, %d inclusion and %d consistency proofs\n", found.Entries, len(found.Inclusion), len(found.Consistency))
}
