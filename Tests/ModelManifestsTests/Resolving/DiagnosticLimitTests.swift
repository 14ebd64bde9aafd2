import Testing

@testable import ModelManifests

@Suite("The bound on reported errors")
struct DiagnosticBoundTests {
    private func diagnostic(_ line: Int, _ name: String?) -> Diagnostic {
        Diagnostic(
            file: "f", line: line, message: "m", deployment: name.map { DeploymentKey(namespace: "n", name: $0) })
    }

    @Test("within the bound all errors are reported, in order")
    func within() {
        let all = [diagnostic(2, "a"), diagnostic(1, nil)]
        let kept = DiagnosticLimit.kept(of: all, atMost: 2)
        #expect(kept.diagnostics == all.reversed() && kept.leftOut == 0)
    }

    @Test("beyond the bound each deployment keeps its first error")
    func beyond() {
        let all = (1...100).map { diagnostic($0, $0.isMultiple(of: 10) ? "d\($0 / 20)" : nil) }
        let kept = DiagnosticLimit.kept(of: all, atMost: 5)
        #expect(kept.diagnostics.prefix(5).map(\.line) == [1, 2, 3, 4, 5])
        #expect(Set(kept.diagnostics.compactMap(\.deployment)).count == 6)
        #expect(kept.diagnostics.count == 11 && kept.leftOut == 89)
    }

    @Test("thousands of documents for one deployment give a short error")
    func doubles() {
        let one = """
            ---
            apiVersion: mlctl.dev/v1alpha1
            kind: ModelDeployment
            metadata: {name: m}
            spec: {model: {version: "1"}, runtime: {command: [x]}}

            """
        let file = ManifestReader.read(String(repeating: one, count: 3000), file: "bomb.yaml")
        let state = DesiredState.resolve(files: [file])
        #expect(state.invalid == [DeploymentKey(name: "m")])
        #expect(state.diagnostics.count == 20)
        #expect(state.diagnostics[0].message.hasSuffix("and 2996 more"))
    }

    @Test("a file with more documents than the bound is refused completely")
    func documents() {
        let file = ManifestReader.read(
            String(repeating: "---\na: 1\n", count: ManifestReader.documentLimit + 1), file: "f")
        #expect(file.unreadable != nil)
        #expect(file.diagnostics.count == 1)
    }
}
