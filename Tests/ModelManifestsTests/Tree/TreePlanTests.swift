import Testing

@testable import ModelManifests

@Suite("Which files of a tree are read")
struct TreePlanTests {
    @Test(
        "manifests end with .yaml or .yml, in capital letters too", arguments: ["a.yaml", "x/a.yml", "a.YAML", "a.Yml"])
    func manifests(path: String) {
        #expect(TreePlan.isManifest(path) && TreePlan.matters(.file, path.utf8))
        #expect(TreePlan.original(of: path) == nil)
    }

    @Test("other files are not", arguments: [".yaml", "a.json", "a.yaml.bak", "a.yaml.disabled", "yaml", "a.tmpl", ""])
    func others(path: String) {
        #expect(!TreePlan.isManifest(path) && !TreePlan.matters(.file, path.utf8))
    }

    @Test(
        "a template or an encrypted form stands for the manifest that it is named after",
        arguments: [
            ("x/a.yaml.tmpl", "x/a.yaml"), ("a.yml.J2", "a.yml"), ("a.yaml.age", "a.yaml"), ("a.YAML.gpg", "a.YAML"),
        ])
    func forms(path: String, original: String) {
        #expect(TreePlan.original(of: path) == original)
        #expect(TreePlan.matters(.file, path.utf8) && !TreePlan.isManifest(path))
    }

    @Test(
        "a .mlctlignore with conflict markers ignores nothing, and is named",
        arguments: ["<<<<<<<\n", "<<<<<<< HEAD\n"])
    func conflict(marker: String) {
        let text = marker + "a.yaml\n=======\n>>>>>>> main\n"
        let ignoring = IgnoreFiles([".mlctlignore": ManifestFile(blob: "1", text: text)])
        #expect(ignoring.rules.isEmpty)
        #expect(ignoring.unreadable[".mlctlignore"]?.obstacle?.message.contains("conflict markers") == true)
        #expect(!IgnoreFiles([".mlctlignore": ManifestFile(blob: "1", text: "a.yaml\n=======\n")]).rules.isEmpty)
    }

    @Test(
        "a file may stand for the manifest that it is named after",
        arguments: [
            ("a.yaml.tmpl", true), ("x/a.yaml", true), ("team-a.yml", true), ("a.v2.yaml", true), ("ba.yaml", false),
            ("x/a.yaml.tmpl", false), ("x/a", false), ("b.yaml", false),
        ])
    func named(path: String, isNamed: Bool) {
        #expect(TreePlan.isNamed(path, after: "a.yaml") == isNamed)
    }
}
