import Foundation
import ModelManifests
import Testing

@testable import Commands

@Suite struct ProfileCommandTests {
    /// Runs the command on `data` in a temporary folder.
    static func written(_ data: String, named file: String = "data.csv", _ options: [String]) throws -> String {
        let folder = FileManager.default.temporaryDirectory.appending(path: "mlctl-profile-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let input = folder.appending(path: file).path(percentEncoded: false)
        let output = folder.appending(path: "profile.yaml")
        try Data(data.utf8).write(to: URL(filePath: input))
        let command = try ProfileCommand.parse([input, "-o", output.path(percentEncoded: false)] + options)
        try command.run()
        return try String(contentsOf: output, encoding: .utf8)
    }

    static let csv = "id,Fraud Score\n" + (1...100).map { "\($0),0.\($0 + 100)\n" }.joined()

    @Test("its output is a manifest that a drift gate can name")
    func readBack() throws {
        let written = try Self.written(
            Self.csv, ["--column", "Fraud Score", "--namespace", "payments", "--buckets", "0.125,0.15"])
        #expect(
            written == """
                apiVersion: mlctl.dev/v1alpha1
                kind: PredictionProfile
                metadata:
                  annotations:
                    mlctl.dev/source: Fraud Score of data.csv
                  name: fraud-score
                  namespace: payments
                spec:
                  buckets:
                  - 0.125
                  - 0.15
                  counts:
                  - 25
                  - 25
                  - 50

                """)
        let profile = ManifestReader.read(written, file: "profile.yaml", named: true)
        let deployment = ManifestReader.read(Self.deployment(edges: "[0.125, 0.15]"), file: "model.yaml", named: true)
        let desired = DesiredState.resolve(files: [profile, deployment])
        #expect(desired.diagnostics.isEmpty)
        let gates = desired.deployments.values.flatMap(\.rollout.gates)
        let buckets = PredictionBuckets.edges([0.125, 0.15])
        let expected = DriftGate(
            observe: "score", reference: .profile(PredictionProfile(buckets: buckets, counts: [25, 25, 50])))
        #expect(gates.map(\.kind) == [.drift(expected)])
    }

    @Test("a profile with other buckets than the observation is refused, with the command that writes the right one")
    func otherBuckets() throws {
        let written = try Self.written(
            Self.csv, ["--column", "Fraud Score", "--namespace", "payments", "--bins", "4"])
        let profile = ManifestReader.read(written, file: "profile.yaml", named: true)
        let deployment = ManifestReader.read(Self.deployment(edges: "[0.1, 0.5]"), file: "model.yaml", named: true)
        let diagnostics = DesiredState.resolve(files: [profile, deployment]).diagnostics
        #expect(
            diagnostics.map(\.messageWithPath) == [
                "spec.rollout.gates[0].drift.profile: the PredictionProfile 'fraud-score' has different buckets than the "
                    + "observation 'score' (create it again: mlctl profile … --buckets 0.1,0.5)"
            ])
    }

    static func deployment(edges: String) -> String {
        """
        apiVersion: mlctl.dev/v1alpha1
        kind: ModelDeployment
        metadata: {name: fraud, namespace: payments}
        spec:
          model: {version: "1", storageUri: file:///models/1, format: sklearn}
          runtime: {name: mlserver}
          traffic: {observe: [{name: score, path: "outputs[0].data[0]", buckets: \(edges)}]}
          rollout: {gates: [{name: drift, drift: {observe: score, profile: fraud-score}}]}
        """
    }

    @Test("labels that YAML would misread are read back as they were")
    func labels() throws {
        let labels = ["yes", "1", "null", "a: b", "ü", "two\nlines", "#x", "cat"]
        let data = "label\n" + labels.map { "\"\($0)\"\n" }.joined() + "cat\n"
        let classes = labels.map { "\"\($0)\"" }.joined(separator: ",")
        let written = try Self.written(data, ["--column", "label", "--classes", classes])
        let parsed = ManifestReader.read(written, file: "profile.yaml", named: true)
        #expect(parsed.diagnostics.isEmpty)
        for label in ["\"yes\"", "\"1\"", "\"null\"", "\"a: b\"", "\"two\\nlines\"", "\"#x\""] {
            #expect(written.contains("  - \(label)\n"))
        }
        #expect(written.hasSuffix("  - 1\n  - 1\n  - 1\n  - 1\n  - 1\n  - 1\n  - 1\n  - 2\n  - 0\n"))
    }

    @Test("edges and labels may begin with a minus")
    func negative() throws {
        let written = try Self.written("a\n-1\n2\n", ["--column", "a", "--buckets", "-0.5,3"])
        #expect(written.hasSuffix("  - -0.5\n  - 3\n  counts:\n  - 1\n  - 1\n  - 0\n"))
        #expect(ManifestReader.read(written, file: "profile.yaml", named: true).diagnostics.isEmpty)
    }

    @Test("JSON lines are read at the path of the observation")
    func jsonLines() throws {
        let data = (1...40).map { #"{"outputs": [{"data": [\#($0)]}]}"# + "\n" }.joined()
        let written = try Self.written(
            data, named: "answers.jsonl", ["--path", "outputs[0].data[0]", "--bins", "2", "--name", "score"])
        #expect(written.hasSuffix("spec:\n  buckets:\n  - 20\n  counts:\n  - 20\n  - 20\n"))
    }

    @Test(
        "a usage error is reported before anything is read",
        arguments: [
            ([], "give --column for a CSV file, or --path for JSON lines"),
            (["--column", "a", "--path", "b"], "give --column for a CSV file, or --path for JSON lines"),
            (["--path", "a]["], "'a][' is not a path, such as outputs[0].data[0]"),
            (["--column", "a", "--bins", "3", "--classes", "x"], "give only one of --buckets, --bins and --classes"),
            (["--column", "a", "--bins", "33"], "--bins must be 2 to 32"),
            (["--column", "a", "--buckets", "0.5,0.1"], "--buckets must be ascending numbers, such as 0.1,0.25,0.5"),
            (["--column", "a", "--buckets", "0.5,x"], "--buckets must be ascending numbers, such as 0.1,0.25,0.5"),
            (["--column", "a", "--classes", "x,x"], "--classes must be different labels, such as cat,dog"),
            (["--column", "日本"], "'日本' is not a valid name: give --name with lower-case letters, digits and '-'"),
            (
                ["--column", "a", "--name", "A B"],
                "'A B' is not a valid name: give --name with lower-case letters, digits and '-'"
            ),
            (["--column", "a", "-n", "A"], "'A' is not a namespace: use lower-case letters, digits and '-'"),
        ])
    func usage(options: [String], expected: String) throws {
        let error = #expect(throws: (any Error).self) { try Self.written("a\n1\n", options) }
        let text = error.map { "\($0)" }
        #expect(text == expected)
        #expect(exitCode(for: try #require(error)) == CommandExit.wrongUsage.rawValue)
    }

    @Test("invalid data fails with the file and the line")
    func data() throws {
        let error = try #require(throws: CommandFailure.self) {
            try Self.written("a\n1\nx\n", ["--column", "a"])
        }
        #expect(error.exit == .failed)
        #expect(
            error.message.hasSuffix(
                "data.csv: line 3: 'x' is not a number: leave the field empty, or count labels with --classes"))
        let none = #expect(throws: (any Error).self) {
            let command = try ProfileCommand.parse(["/nowhere/data.csv", "--column", "a"])
            try command.run()
        }
        let text = none.map { "\($0)" }
        #expect(text == "/nowhere/data.csv does not exist or cannot be read")
    }
}
