import Foundation
import ModelManifests
import TestSupport

/// A change to a repository with three deployments, after which something in it is odd.
///
/// The repository has `models/a.yaml` and `models/b.yaml` with one deployment each, and `c.yaml` with a deployment and a runtime.
struct OddTree: CustomStringConvertible, Sendable {
    /// What becomes of a deployment that is served.
    enum Fate: String, Sendable { case wanted, held, removed }

    var description: String
    /// The fates of a, b and c.
    var fates: [Fate]
    /// What the status of the first held deployment says; nil where none is held.
    var reason: String?
    /// Whether `validate` has no error.
    var isValid = true
    var path = "."
    var change: @Sendable (OddRepository) throws -> Void

    init(
        _ name: String, _ fates: [Fate], _ reason: String? = nil, isValid: Bool = true, path: String = ".",
        change: @escaping @Sendable (OddRepository) throws -> Void
    ) {
        description = name
        (self.fates, self.reason, self.isValid, self.path, self.change) = (fates, reason, isValid, path, change)
    }

    static func manifest(_ name: String, version: String = "1") -> String {
        """
        apiVersion: mlctl.dev/v1alpha1
        kind: ModelDeployment
        metadata: {name: \(name), namespace: odd}
        spec:
          model: {version: "\(version)"}
          runtime: {command: [serve]}

        """
    }

    static func prepare(_ repository: OddRepository) throws {
        try repository.write("models/a.yaml", manifest("a"))
        try repository.write("models/b.yaml", manifest("b"))
        try repository.write("c.yaml", manifest("c"))
    }

    private static let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
    private static let sops = "sops:\n  mac: ENC[AES256_GCM,data:x]\n  version: 3.8.1\n"
    private static let large =
        "kind: CustomResourceDefinition\napiVersion: apiextensions.k8s.io/v1\n"
        + String(repeating: "# filler\n", count: 350_000)
    private static func utf16(_ text: String) -> [UInt8] {
        [0xFF, 0xFE] + text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
    }
    private static let latin1: [UInt8] = Array("name: caf".utf8) + [0xE9, 0x0A]
    private static func list(_ items: [String]) -> String {
        "apiVersion: v1\nkind: List\nitems:\n"
            + items.map { item in
                item.split(separator: "\n").enumerated().map { ($0 == 0 ? "- " : "  ") + $1 }.joined(separator: "\n")
            }.joined(separator: "\n") + "\n"
    }

    static let all: [OddTree] =
        seen + hidden + foreign + [
            OddTree("an .mlctlignore that names a file removes what was in it", [.removed, .wanted, .wanted]) {
                try $0.write(".mlctlignore", "/models/a.yaml\n")
            },
            OddTree("an .mlctlignore lets a file that cannot be read go", [.removed, .wanted, .wanted]) {
                try $0.write("models/a.yaml", pointer)
                try $0.write("models/.mlctlignore", "a.yaml\n")
            },
            OddTree("an .mlctlignore in Latin-1 ignores nothing", [.wanted, .wanted, .wanted], isValid: false) {
                try $0.write(".mlctlignore", Array("*.yaml\n# caf".utf8) + [0xE9])
            },
            OddTree("an .mlctlignore in Git LFS ignores nothing", [.wanted, .wanted, .wanted], isValid: false) {
                try $0.write(".mlctlignore", pointer)
            },
            OddTree("an .mlctlignore that is a link ignores nothing", [.wanted, .wanted, .wanted], isValid: false) {
                try $0.write("rules", "*.yaml\n")
                try $0.link(".mlctlignore", to: "rules")
            },
            OddTree("an .mlctlignore of everything", [.held, .held, .held], "the commit contains no ModelDeployment") {
                try $0.write(".mlctlignore", "*\n")
            },
        ]

    /// What is there can be read.
    private static let seen: [OddTree] = [
        OddTree("nothing odd", [.wanted, .wanted, .wanted]) { _ in },
        OddTree("a file is deleted", [.removed, .wanted, .wanted]) { try $0.remove("models/a.yaml") },
        OddTree("a file has only comments", [.removed, .wanted, .wanted]) {
            try $0.write("models/a.yaml", "# retired\n")
        },
        OddTree("a file describes something of another group", [.removed, .wanted, .wanted]) {
            try $0.write("models/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
        },
        OddTree("kind: List with two deployments", [.wanted, .wanted, .wanted]) {
            try $0.remove("models/b.yaml")
            try $0.write("models/a.yaml", list([manifest("a"), manifest("b")]))
        },
        OddTree("kind: List without one of them", [.wanted, .removed, .wanted]) {
            try $0.remove("models/b.yaml")
            try $0.write("models/a.yaml", list([manifest("a"), "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"]))
        },
        OddTree("a mistake in an item of a List", [.wanted, .held, .wanted], "unknown field", isValid: false) {
            try $0.remove("models/b.yaml")
            try $0.write("models/a.yaml", list([manifest("a"), manifest("b") + "  replicsa: 2\n"]))
        },
        OddTree("a byte order mark", [.wanted, .wanted, .wanted]) {
            try $0.write("models/a.yaml", [0xEF, 0xBB, 0xBF] + Array(manifest("a").utf8))
        },
        OddTree("carriage returns", [.wanted, .wanted, .wanted]) {
            try $0.write("models/a.yaml", manifest("a").replacing("\n", with: "\r\n"))
        },
        OddTree("only the case of a name changes", [.wanted, .wanted, .wanted]) {
            try $0.git("mv", "models/a.yaml", "models/A.yaml")
        },
        OddTree("a file becomes a folder", [.wanted, .wanted, .wanted]) {
            try $0.remove("models/a.yaml")
            try $0.write("models/a.yaml/a.yaml", manifest("a"))
        },
        OddTree("an executable manifest", [.wanted, .wanted, .wanted]) {
            try $0.git("update-index", "--chmod=+x", "models/a.yaml")
            try ["chmod", "+x", "\($0.path)/models/a.yaml"].run()
        },
        OddTree("a very long line", [.wanted, .wanted, .wanted]) {
            try $0.write("models/a.yaml", "# " + String(repeating: "x", count: 200_000) + "\n" + manifest("a"))
        },
        OddTree("the same deployment twice", [.held, .wanted, .wanted], "is also described by", isValid: false) {
            try $0.write("copy.yaml", manifest("a"))
        },
        OddTree(
            "the same document twice in one file", [.held, .wanted, .wanted], "is also described by", isValid: false
        ) {
            try $0.write("models/a.yaml", manifest("a") + "---\n" + manifest("a"))
        },
        OddTree("a branch with the name of a manifest", [.wanted, .wanted, .wanted]) {
            try $0.git("commit", "--quiet", "--allow-empty", "--message", "m")
            try $0.git("branch", "not-a-manifest.yaml")
        },
        OddTree("everything is deleted", [.held, .held, .held], "the commit contains no ModelDeployment") {
            try $0.remove("models")
            try $0.remove("c.yaml")
            try $0.write("README.md", "empty")
        },
    ]

    /// What was there cannot be seen any more.
    private static let hidden: [OddTree] = [
        OddTree("a Git LFS pointer", [.held, .wanted, .wanted], "is a Git LFS pointer", isValid: false) {
            try $0.write("models/a.yaml", pointer)
        },
        OddTree("encrypted with SOPS", [.held, .wanted, .wanted], "is encrypted with SOPS", isValid: false) {
            try $0.write("models/a.yaml", manifest("a") + sops)
        },
        OddTree("encrypted with SOPS, kind and all", [.held, .wanted, .wanted], "is encrypted with SOPS") {
            try $0.write("models/a.yaml", "apiVersion: ENC[x]\nkind: ENC[x]\n" + sops)
        },
        OddTree(
            "moved into an encrypted file", [.held, .wanted, .wanted], "it may have moved to models/a.enc.yaml",
            isValid: false
        ) {
            try $0.remove("models/a.yaml")
            try $0.write("models/a.enc.yaml", manifest("a") + sops)
        },
        OddTree("encrypted with Ansible Vault", [.held, .wanted, .wanted], "is encrypted with Ansible Vault") {
            try $0.write("models/a.yaml", "$ANSIBLE_VAULT;1.1;AES256\n6162\n")
        },
        OddTree("encrypted with git-crypt", [.held, .wanted, .wanted], "is encrypted with git-crypt") {
            try $0.write("models/a.yaml", [0] + Array("GITCRYPT".utf8) + [0, 7, 9, 200])
        },
        OddTree("a template", [.held, .wanted, .wanted], "looks like a template", isValid: false) {
            try $0.write("models/a.yaml", manifest("a").replacing("\"1\"", with: "{{ .Values.version }}"))
        },
        OddTree("conflict markers", [.held, .wanted, .wanted], "has conflict markers", isValid: false) {
            try $0.write(
                "models/a.yaml",
                "<<<<<<< HEAD\n" + manifest("a") + "=======\n" + manifest("a", version: "2") + ">>>>>>> other\n")
        },
        OddTree("a mistyped apiVersion", [.held, .wanted, .wanted], "is unknown", isValid: false) {
            try $0.write("models/a.yaml", manifest("a").replacing("mlctl.dev", with: "mlclt.dev"))
        },
        OddTree(
            "our kind under an unknown group", [.held, .wanted, .wanted], "unknown API group 'ml.example.com/v1'",
            isValid: false
        ) {
            try $0.write("models/a.yaml", manifest("a").replacing("mlctl.dev/v1alpha1", with: "ml.example.com/v1"))
        },
        OddTree("a submodule in the place of a folder", [.held, .held, .wanted], "is a git submodule") {
            try $0.git("rm", "-r", "--quiet", "--cached", "models")
            try $0.makeSubmodule("models")
        },
        OddTree("a link in the place of a folder", [.held, .held, .wanted], "is a symbolic link") {
            try $0.remove("models")
            try $0.link("models", to: "/nonexistent")
        },
        OddTree("a link in the place of a file, to outside", [.held, .wanted, .wanted], "is a symbolic link") {
            try $0.link("models/a.yaml", to: "/etc/hostname")
        },
        OddTree("a link in the place of a file, to another", [.held, .wanted, .wanted], "is a symbolic link") {
            try $0.link("models/a.yaml", to: "b.yaml")
        },
        OddTree(
            "a manifest is moved out, and a link of another name leads there", [.held, .wanted, .wanted],
            "is a symbolic link"
        ) {
            try $0.remove("models/a.yaml")
            try $0.link("models/team-a.yaml", to: "/srv/shared/a.yaml")
        },
        OddTree("a manifest becomes a template", [.held, .wanted, .wanted], "is a template or an encrypted file") {
            try $0.remove("models/a.yaml")
            try $0.write("models/a.yaml.tmpl", manifest("a"))
        },
        OddTree("a folder is moved, and a link leads there", [.wanted, .wanted, .wanted]) {
            try $0.git("mv", "models", "models-v2")
            try $0.link("models", to: "models-v2")
        },
        OddTree("over 1 MiB", [.held, .wanted, .wanted], "so it was not read") {
            try $0.write("models/a.yaml", manifest("a") + String(repeating: "# x\n", count: 300_000))
        },
        OddTree("Latin-1", [.held, .wanted, .wanted], "is not UTF-8 text", isValid: false) {
            try $0.write("models/a.yaml", Array(manifest("a").utf8) + Array("# caf".utf8) + [0xE9, 0x0A])
        },
        OddTree("UTF-16", [.held, .wanted, .wanted], "is UTF-16 text", isValid: false) {
            try $0.write("models/a.yaml", utf16(manifest("a")))
        },
        OddTree("an empty file", [.held, .wanted, .wanted], "is empty") { try $0.write("models/a.yaml", "") },
        OddTree("broken YAML", [.held, .wanted, .wanted], "YAML syntax", isValid: false) {
            try $0.write("models/a.yaml", manifest("a") + "  oops: [\n")
        },
        OddTree("a path that is gone", [.held, .held, .held], "is not in the commit", path: "models") {
            try $0.remove("models")
        },
    ]

    /// Other people's files, while a deployment is removed.
    private static let foreign: [OddTree] = [
        OddTree("a foreign file over 1 MiB", [.removed, .wanted, .wanted]) {
            try $0.remove("models/a.yaml")
            try $0.write("crd.yaml", large)
        },
        OddTree("a foreign file in Latin-1", [.removed, .wanted, .wanted]) {
            try $0.remove("models/a.yaml")
            try $0.write("foreign.yaml", latin1)
        },
        OddTree("a foreign file in UTF-16", [.removed, .wanted, .wanted]) {
            try $0.remove("models/a.yaml")
            try $0.write("foreign.yaml", utf16("name: x\n"))
        },
        OddTree("a foreign link to outside", [.removed, .wanted, .wanted]) {
            try $0.remove("models/a.yaml")
            try $0.link("foreign.yaml", to: "/etc/hostname")
            try $0.link("folder", to: "/etc")
        },
        OddTree("a foreign submodule", [.removed, .wanted, .wanted]) {
            try $0.remove("models/a.yaml")
            try $0.write("vendor/x.yaml", "x: 1\n")
            try $0.makeSubmodule("vendor")
        },
        OddTree("a foreign Helm template", [.removed, .wanted, .wanted]) {
            try $0.remove("models/a.yaml")
            try $0.write("charts/t.yaml", "{{- if .Values.x }}\nkind: Deployment\n{{ end }}\n")
        },
        OddTree("a foreign file with conflict markers", [.removed, .wanted, .wanted]) {
            try $0.remove("models/a.yaml")
            try $0.write("foreign.yaml", "<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> other\n")
        },
        OddTree("another team's runtime with a mistake", [.removed, .wanted, .wanted], isValid: false) {
            try $0.remove("models/a.yaml")
            try $0.write(
                "runtime.yaml",
                "apiVersion: mlctl.dev/v1alpha1\nkind: ServingRuntime\nmetadata: {name: theirs}\nspec: {comand: [x]}\n")
        },
        OddTree("KServe's kinds", [.removed, .wanted, .wanted]) {
            try $0.remove("models/a.yaml")
            try $0.write(
                "kserve.yaml",
                "apiVersion: serving.kserve.io/v1alpha1\nkind: ServingRuntime\nspec: {}\n---\n"
                    + "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nspec: {predictor: {model: {}}}\n")
        },
        OddTree("a foreign SOPS secret", [.removed, .wanted, .wanted]) {
            try $0.remove("models/a.yaml")
            try $0.write("secret.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {x: ENC[y]}\n" + sops)
        },
    ]
}

extension [String] {
    fileprivate func run() throws { try ChildProcess.run(self) }
}
