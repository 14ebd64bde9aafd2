import ControlPorts
import ModelManifests
import Testing

@testable import Controller

@Suite("What git wants, from commit to commit")
struct ManifestLedgerTests {
    private let model = DeploymentKey(namespace: "test", name: "model")
    private let other = DeploymentKey(namespace: "test", name: "other")

    private func absorb(
        _ files: [String: String?], into ledger: inout ManifestLedger, known: Set<DeploymentKey> = [],
        allowsEmpty: Bool = false
    ) async throws -> ManifestLedger.Absorbed {
        let snapshot = ManifestSnapshot(
            commit: "c",
            files: files.mapValues {
                $0.map { ManifestFile(blob: "\($0.hashValue)", text: $0) }
                    ?? ManifestFile(blob: "large", obstacle: .tooLarge(bytes: 2 << 20))
            })
        let parsed = try await ledger.parseNew(in: snapshot)
        return ledger.absorb(snapshot, parsed: parsed, known: known, allowsEmpty: allowsEmpty)
    }

    @Test("before the first commit everything is held")
    func beforeFirst() {
        #expect(ManifestLedger().wish(for: model) == .held)
    }

    @Test("only changed deployments are reported as changed, and only new blobs are parsed")
    func changes() async throws {
        var ledger = ManifestLedger()
        let files = ["a.yaml": ControllerTests.manifest("1"), "b.yaml": ControllerTests.manifest("1", name: "other")]
        #expect(try await absorb(files, into: &ledger).changed == [model, other])
        #expect(try await absorb(files, into: &ledger).changed == [])
        var next = files
        next["a.yaml"] = ControllerTests.manifest("2")
        let snapshot = ManifestSnapshot(
            commit: "d", files: next.mapValues { ManifestFile(blob: "\($0.hashValue)", text: $0) })
        #expect(try await ledger.parseNew(in: snapshot).keys.sorted() == ["a.yaml"])
        #expect(try await absorb(next, into: &ledger).changed == [model])
    }

    @Test("reverse dependencies are those of the current commit, and of no earlier one")
    func dependents() async throws {
        var ledger = ManifestLedger()
        let waiting = ControllerTests.manifest("1", name: "other") + "\n  dependsOn: [{name: model}]"
        _ = try await absorb(["a.yaml": ControllerTests.manifest("1"), "b.yaml": waiting], into: &ledger)
        #expect(ledger.dependents == [model: [other]])
        let free = ControllerTests.manifest("1", name: "other")
        _ = try await absorb(["a.yaml": ControllerTests.manifest("1"), "b.yaml": free], into: &ledger)
        #expect(ledger.dependents == [:])
    }

    @Test(
        "a deployment that is gone is removed, but never all of them at once unless that is allowed",
        arguments: [false, true])
    func removal(allowsEmpty: Bool) async throws {
        var ledger = ManifestLedger()
        let files = ["a.yaml": ControllerTests.manifest("1"), "b.yaml": ControllerTests.manifest("1", name: "other")]
        _ = try await absorb(files, into: &ledger)
        let one = try await absorb(["a.yaml": files["a.yaml"]], into: &ledger, known: [model, other])
        #expect(one.warning == nil)
        #expect(ledger.wish(for: other) == .removed)
        let none = try await absorb([:], into: &ledger, known: [model], allowsEmpty: allowsEmpty)
        #expect(ledger.wish(for: model) == (allowsEmpty ? .removed : .held))
        #expect((none.warning == nil) == allowsEmpty)
    }

    @Test("a file that can no longer be read keeps its deployments, and only those")
    func unreadable() async throws {
        var ledger = ManifestLedger()
        let files = ["a.yaml": ControllerTests.manifest("1"), "b.yaml": ControllerTests.manifest("1", name: "other")]
        _ = try await absorb(files, into: &ledger)
        let held = try await absorb(["a.yaml": nil, "b.yaml": files["b.yaml"]], into: &ledger, known: [model, other])
        #expect(ledger.wish(for: model) == .held)
        #expect(ledger.wish(for: other) != .held)
        #expect(held.warning == nil)
        #expect(!ledger.diagnostics.isEmpty)
    }

    @Test("a Git LFS pointer stands for a manifest of unknown content, also right after a start")
    func largeFilePointer() async throws {
        var ledger = ManifestLedger()
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
        let files = ["a.yaml": pointer, "b.yaml": ControllerTests.manifest("1", name: "other")]
        let absorbed = try await absorb(files, into: &ledger, known: [model, other])
        #expect(ledger.wish(for: model) == .held)
        #expect(ledger.absences[model]?.text.contains("a.yaml is a Git LFS pointer") == true)
        #expect(absorbed.warning?.contains("test/model: not in git since commit c, but kept because") == true)
        #expect(ledger.diagnostics.contains { $0.message.contains("Git LFS") })
    }

    @Test("as long as the content of an unreadable file is unknown, no deployment counts as removed")
    func unknown() async throws {
        var ledger = ManifestLedger()
        let absorbed = try await absorb(
            ["a.yaml": nil, "b.yaml": ControllerTests.manifest("1", name: "other")], into: &ledger, known: [model])
        #expect(ledger.wish(for: model) == .held)
        #expect(absorbed.warning?.contains("a.yaml is 2097152 bytes long") == true)
        #expect(absorbed.warning?.contains(".mlctlignore") == true)
    }

    @Test("after a restart the commit that was read last says where each deployment was, and asks for nothing")
    func recalled() async throws {
        let before = ["a.yaml": ControllerTests.manifest("1"), "b.yaml": ControllerTests.manifest("1", name: "other")]
        let snapshot = ManifestSnapshot(
            commit: "b", files: before.mapValues { ManifestFile(blob: "\($0.hashValue)", text: $0) })
        var ledger = ManifestLedger()
        ledger.recall(snapshot, parsed: try await ledger.parseNew(in: snapshot), by: .open)
        #expect(ledger.wish(for: model) == .held && ledger.keys.isEmpty && ledger.commit.isEmpty)
        // A foreign file that cannot be read is no reason to keep what was elsewhere.
        let files = ["a.yaml": before["a.yaml"], "crd.yaml": nil as String?]
        let absorbed = try await absorb(files, into: &ledger, known: [model, other])
        #expect(absorbed.changed == [model, other])
        #expect(ledger.wish(for: other) == .removed)
        #expect(ledger.wish(for: model) != .held)
    }

    @Test("after a restart, or when records are found late, a port stays with the deployment that serves there")
    func portsAfterRestart() async throws {
        // The one that comes first by name asks for the port that the other has.
        let files = ["a.yaml": "model", "b.yaml": "other"].mapValues { name in
            ManifestFile(blob: name, text: ControllerTests.manifest("1", name: name) + "\n  endpoint: {port: 9000}")
        }
        let snapshot = ManifestSnapshot(commit: "b", files: files)
        let serving = ReservedPorts(holders: [9000: other, 9001: model])
        for isRecalled in [true, false] {
            var ledger = ManifestLedger()
            let parsed = try await ledger.parseNew(in: snapshot)
            if isRecalled {
                ledger.recall(snapshot, parsed: parsed, by: .open)
            } else {
                _ = ledger.absorb(snapshot, parsed: parsed, known: [], allowsEmpty: false)
            }
            for _ in 0..<2 {
                _ = ledger.absorb(snapshot, parsed: [:], known: [model, other], allowsEmpty: false, reserved: serving)
                #expect(ledger.wish(for: model) == .held)
                #expect(ledger.wish(for: other) != .held)
                #expect(
                    ledger.diagnostics.map(\.message)
                        == ["test/other (b.yaml:1) also asks for port 9000 and has it already"])
            }
        }
    }

    @Test(
        "a manifest whose place is taken by a template, an encrypted form or a new link keeps its deployment",
        arguments: [
            ("a.yaml.tmpl", Obstacle.anotherForm, true), ("a.yaml.age", .anotherForm, true),
            ("b.yaml.tmpl", .anotherForm, false), ("team/a.yaml", .symbolicLink, true),
            ("team/a", .symbolicLink, false), ("team-a.yaml", .symbolicLink, true),
            ("foreign.yaml", .symbolicLink, false),
        ])
    func otherForms(path: String, obstacle: Obstacle, isHeld: Bool) async throws {
        var ledger = ManifestLedger()
        func absorb(_ files: [String: ManifestFile], _ commit: String) async throws -> ManifestLedger.Absorbed {
            let snapshot = ManifestSnapshot(commit: commit, files: files)
            let parsed = try await ledger.parseNew(in: snapshot)
            return ledger.absorb(snapshot, parsed: parsed, known: [model], allowsEmpty: true)
        }
        let manifest = ManifestFile(blob: "1", text: ControllerTests.manifest("1"))
        let form = ManifestFile(blob: "2", obstacle: obstacle)
        _ = try await absorb(["a.yaml": manifest], "b")
        let absorbed = try await absorb([path: form], "c")
        #expect(ledger.wish(for: model) == (isHeld ? .held : .removed))
        if isHeld {
            #expect(absorbed.warning?.contains("it may have moved to \(path), which \(obstacle.message)") == true)
            #expect(absorbed.warning?.contains("delete \(path)") == false)
        }
        // What stood beside the manifest before says nothing about its removal.
        ledger = ManifestLedger()
        _ = try await absorb(["a.yaml": manifest, path: form], "b")
        _ = try await absorb([path: form], "c")
        #expect(ledger.wish(for: model) == .removed)
    }

    @Test("records that are found later are held by the same rule")
    func metLater() async throws {
        let before = [
            "models/a.yaml": ControllerTests.manifest("1"), "b.yaml": ControllerTests.manifest("1", name: "other"),
        ]
        let snapshot = ManifestSnapshot(
            commit: "b", files: before.mapValues { ManifestFile(blob: "\($0.hashValue)", text: $0) })
        var ledger = ManifestLedger()
        ledger.recall(snapshot, parsed: try await ledger.parseNew(in: snapshot), by: .open)
        let next = ManifestSnapshot(
            commit: "c",
            files: [
                "models": ManifestFile(blob: "s", obstacle: .submodule),
                "z.yaml": ManifestFile(blob: "z", text: ControllerTests.manifest("1", name: "third")),
            ])
        _ = ledger.absorb(next, parsed: try await ledger.parseNew(in: next), known: [], allowsEmpty: false)
        #expect(ledger.meet([model, other], allowsEmpty: false)?.contains("it is being looked up") == true)
        #expect(ledger.wish(for: model) == .held && ledger.wish(for: other) == .held)
        // The repository is read again.
        let known: Set = [model, other]
        let absorbed = ledger.absorb(
            next, parsed: try await ledger.parseNew(in: next), known: known, allowsEmpty: false)
        #expect(absorbed.warning?.contains("models is a git submodule") == true)
        #expect(ledger.wish(for: model) == .held)
        #expect(ledger.wish(for: other) == .removed)
    }

    @Test(
        "a neighbour that becomes unreadable keeps what it described, and what its text names",
        arguments: [
            (ControllerTests.manifest("1", name: "other") + "\n  broken: [", false),
            (ControllerTests.manifest("1", name: "other") + "\n# model\n  broken: [", true),
            ("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n", false),
        ])
    func neighbour(text: String, isHeld: Bool) async throws {
        // No name of another deployment is in the text of this one.
        let own = ControllerTests.manifest("1", name: "fraud")
        let key = DeploymentKey(namespace: "test", name: "fraud")
        let mentioned = text.replacing("# model", with: "# fraud")
        var ledger = ManifestLedger()
        _ = try await absorb(
            ["a.yaml": own, "b.yaml": ControllerTests.manifest("1", name: "other")], into: &ledger)
        _ = try await absorb(["b.yaml": mentioned], into: &ledger, known: [key, other])
        #expect(ledger.wish(for: other) == .held)
        #expect(ledger.wish(for: key) == (isHeld ? .held : .removed))
        // Each hold is reported once.
        #expect(ledger.diagnostics.count == 1, "\(ledger.diagnostics)")
        #expect(ledger.diagnostics.first?.deployment == other)
        // A file that is new in that commit may describe anything.
        ledger = ManifestLedger()
        _ = try await absorb(["a.yaml": own], into: &ledger)
        _ = try await absorb(["b.yaml": mentioned], into: &ledger, known: [key])
        #expect(ledger.wish(for: key) == .held)
    }

    @Test("a file that was moved is told, because its record says where it is")
    func moved() async throws {
        var ledger = ManifestLedger()
        _ = try await absorb(["a.yaml": ControllerTests.manifest("1")], into: &ledger)
        #expect(try await absorb(["x/a.yaml": ControllerTests.manifest("1")], into: &ledger).changed == [model])
        #expect(ledger.file(of: model) == "x/a.yaml")
    }

    @Test("an error in a runtime that nobody removed refers to keeps nothing")
    func foreignMistake() async throws {
        var ledger = ManifestLedger()
        let mistake =
            "apiVersion: mlctl.dev/v1alpha1\nkind: ServingRuntime\nmetadata: {name: theirs}\nspec: {comand: [x]}\n"
        let files = [
            "a.yaml": ControllerTests.manifest("1"), "b.yaml": ControllerTests.manifest("1", name: "other"),
            "r.yaml": mistake,
        ]
        _ = try await absorb(files, into: &ledger)
        #expect(!ledger.diagnostics.isEmpty)
        _ = try await absorb(["a.yaml": files["a.yaml"], "r.yaml": mistake], into: &ledger, known: [model, other])
        #expect(ledger.wish(for: other) == .removed)
    }
}
