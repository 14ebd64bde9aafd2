import Testing

@testable import ModelManifests

@Suite struct ParsedFileTests {
    private let before = ManifestReader.read(
        [
            Manifests.deployment("a", runtime: "{name: own}"), Manifests.deployment("b"),
            Manifests.runtime("own", spec: "{command: [x]}"),
        ].joined(separator: "\n---\n"), file: "f")

    @Test func `an unreadable file holds all deployments that were last read from it`() {
        let after = ParsedFile(file: "f", problem: "is 52428800 bytes long").holding(before)
        let other = ManifestReader.read(Manifests.deployment("c", runtime: "{name: own}"), file: "g")
        let state = DesiredState.resolve(files: [after, other])
        #expect(state.invalid.map(\.name).sorted() == ["a", "b"])
        #expect(state.deployments.keys.map(\.name) == ["c"])
        #expect(state.diagnostics.compactMap(\.deployment?.name).sorted() == ["a", "b"])
    }

    @Test func `an unreadable document holds the file's deployments that no other document describes`() {
        let text = Manifests.deployment("a", runtime: "{command: [y]}") + "\n---\nkind: [\n# mlctl.dev\n"
        let state = DesiredState.resolve(files: [ManifestReader.read(text, file: "f").holding(before)])
        #expect(state.deployments.keys.map(\.name) == ["a"])
        #expect(state.invalid.map(\.name) == ["b"])
    }

    @Test func `held deployments stay held while the file stays unreadable`() {
        let once = ParsedFile(file: "f", problem: "gone bad").holding(before)
        let twice = ParsedFile(file: "f", problem: "still bad").holding(once)
        #expect(DesiredState.resolve(files: [twice]).invalid.map(\.name).sorted() == ["a", "b"])
    }

    @Test func `a deployment that has moved to another file is not held`() {
        let after = ParsedFile(file: "f", problem: "gone bad").holding(before)
        let moved = ManifestReader.read(Manifests.deployment("b"), file: "g")
        let state = DesiredState.resolve(files: [after, moved])
        #expect(state.deployments.keys.map(\.name) == ["b"])
        #expect(state.invalid.map(\.name) == ["a"])
    }

    @Test func `garbage in place of a manifest is reported, garbage from the start is not`() {
        let garbage = ManifestReader.read("{{ nothing", file: "f")
        #expect(garbage.diagnostics == [])
        #expect(DesiredState.resolve(files: [garbage.holding(nil)]).diagnostics == [])
        let state = DesiredState.resolve(files: [garbage.holding(before)])
        #expect(state.invalid.map(\.name).sorted() == ["a", "b"])
        #expect(state.diagnostics.count == 2)  // One for each that is held.
    }

    @Test(arguments: [
        Manifests.deployment("B_b"), "apiVersion: mlctl.dev/v2\nkind: ModelDeployment\n",
        "apiVersion: mlctl.dev/v1alpha1\nkind: ModelDeploymnt\n",
    ])
    func `a document without a readable name may be any that was there before`(_ text: String) {
        let state = DesiredState.resolve(files: [ManifestReader.read(text, file: "f").holding(before)])
        #expect(state.invalid.map(\.name).sorted() == ["a", "b"])
        #expect(state.diagnostics.count == 2)  // One for each that is held.
    }

    @Test(arguments: [
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n", "", " \n\t\n",
        "just a line of text", "<!DOCTYPE html>\n<html><body>rate limited</body></html>", "- a\n- b\n",
        "spec: {model: {version: 1}}\n", "metadata: {name: a}\nkind: ConfigMap\n",
    ])
    func `a file without readable content holds its earlier deployments`(_ text: String) {
        let state = DesiredState.resolve(files: [ManifestReader.read(text, file: "f").holding(before)])
        #expect(state.invalid.map(\.name).sorted() == ["a", "b"])
        #expect(!state.diagnostics.isEmpty)
    }

    @Test(arguments: [
        "# only a comment\n", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n", "---\n# nothing\n",
    ])
    func `a file that clearly describes no deployment holds nothing`(_ text: String) {
        let state = DesiredState.resolve(files: [ManifestReader.read(text, file: "f").holding(before)])
        #expect(state.invalid.isEmpty)
        #expect(state.diagnostics == [])
    }

    @Test func `the reason for holding is the current read error`() {
        let once = ManifestReader.read("foo: [", file: "f").holding(before)
        let twice = ParsedFile(file: "f", problem: "is 2097623 bytes long").holding(once)
        #expect(twice.held.values.allSatisfy { $0.message.contains("2097623") })
    }

    @Test func `a readable file holds nothing`() {
        let after = ManifestReader.read("# emptied", file: "f").holding(before)
        let state = DesiredState.resolve(files: [after])
        #expect(state.invalid.isEmpty)
        #expect(state.deployments.isEmpty)
    }
}
