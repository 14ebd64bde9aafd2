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
                ManifestFile(blob: "\($0.hashValue)", text: $0, problem: $0 == nil ? "is too large" : nil)
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
            commit: "d", files: next.mapValues { ManifestFile(blob: "\(Optional($0).hashValue)", text: $0) })
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
        #expect(absorbed.warning?.contains("no deployment counts as removed") == true)
        #expect(ledger.diagnostics.contains { $0.message.contains("Git LFS") })
    }

    @Test("as long as the content of an unreadable file is unknown, no deployment counts as removed")
    func unknown() async throws {
        var ledger = ManifestLedger()
        let absorbed = try await absorb(
            ["a.yaml": nil, "b.yaml": ControllerTests.manifest("1", name: "other")], into: &ledger, known: [model])
        #expect(ledger.wish(for: model) == .held)
        #expect(absorbed.warning?.contains("mlctl validate") == true)
    }
}
