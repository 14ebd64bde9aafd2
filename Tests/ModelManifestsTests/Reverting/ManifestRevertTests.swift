import TestSupport
import Testing

@testable import ModelManifests

@Suite("Editing a manifest back")
struct ManifestRevertTests {
    private static let key = DeploymentKey(namespace: "payments", name: "fraud")

    private static func edit(_ text: String, like served: String) throws -> String {
        try ManifestRevert.edit(text, of: key, like: served)
    }

    private static let head = """
        # Owned by the risk team.
        apiVersion: mlctl.dev/v1alpha1
        kind: ModelDeployment
        metadata: {name: fraud, namespace: payments}   # do not rename
        spec:

        """

    @Test("single values change in their place, and comments and layout stay")
    func values() throws {
        let now =
            Self.head + """
                  model:
                    # bumped by the nightly job
                    version: "3"   # nightly
                    storageUri: 's3://models/fraud/3'
                    digest: sha256:bbbb # of version 3

                  runtime:
                    name: mlserver
                  replicas: 5  # more since black friday
                """
        let served =
            Self.head + """
                  model:
                    version: "2"
                    storageUri: s3://models/fraud/2
                    digest: sha256:aaaa
                  runtime: {name: mlserver}
                  replicas: 2
                """
        #expect(
            try Self.edit(now, like: served)
                == now.replacing("\"3\"", with: "\"2\"")
                .replacing("'s3://models/fraud/3'", with: "s3://models/fraud/2").replacing(
                    "sha256:bbbb", with: "sha256:aaaa"))
    }

    @Test("flow mappings are edited in their line")
    func flow() throws {
        let now =
            Self.head
            + "  model: {version: \"3\", storageUri: 's3://a, b}/3'} # x\n  runtime: {name: mlserver, args: [a, b]}\n"
        let served =
            Self.head + "  model: {version: \"2\", storageUri: s3://x/2}\n  runtime: {name: mlserver, args: [a]}\n"
        #expect(
            try Self.edit(now, like: served)
                == Self.head
                + "  model: {version: \"2\", storageUri: s3://x/2} # x\n  runtime: {name: mlserver, args: [a]}\n")
    }

    @Test("fields that came are deleted, and fields that went are inserted, at the indentation of the text")
    func fields() throws {
        let now =
            Self.head + """
                    model:
                        version: "3"
                        format: onnx
                    # limits were taken out
                    runtime:
                        name: triton
                    replicas: 2
                """
        let served =
            Self.head + """
                  model:
                    version: "2"
                    digest: sha256:aaaa
                  runtime:
                    name: triton
                    env:
                    - name: A
                      value: "1"
                  resources:
                    limits: {cpu: "2"}   # two
                  replicas: 2
                """
        #expect(
            try Self.edit(now, like: served) == Self.head + """
                    model:
                        version: "2"
                        digest: sha256:aaaa
                    # limits were taken out
                    runtime:
                        name: triton
                        env:
                        - name: A
                          value: "1"
                    resources:
                      limits: {cpu: "2"}   # two
                    replicas: 2
                """)
    }

    @Test("only the document of the deployment changes, in a file of several and in a List")
    func documents() throws {
        func document(_ name: String, _ version: String) -> String {
            "apiVersion: mlctl.dev/v1alpha1\nkind: ModelDeployment\nmetadata: {name: \(name), namespace: payments}\n"
                + "spec:\n  model: {version: \"\(version)\"}\n  runtime: {command: [x]}\n"
        }
        let now = document("other", "3") + "---\n# second\n" + document("fraud", "3") + "---\n" + document("last", "3")
        #expect(
            try Self.edit(now, like: document("fraud", "2"))
                == document("other", "3") + "---\n# second\n" + document("fraud", "2") + "---\n" + document("last", "3")
        )
        func list(_ version: String) -> String {
            let items = [document("other", "3"), document("fraud", version)].map { item in
                "- " + item.split(separator: "\n").joined(separator: "\n  ") + "\n"
            }
            return "apiVersion: v1\nkind: List\nitems:\n" + items.joined()
        }
        #expect(try Self.edit(list("3"), like: document("fraud", "2")) == list("2"))
    }

    @Test("line ends and a byte order mark stay")
    func lineEnds() throws {
        func text(_ version: String, _ extra: String = "") -> String {
            Self.head + "  model:\n    version: \"\(version)\"\n\(extra)  runtime: {command: [x]}\n"
        }
        let now = "\u{FEFF}" + text("3").replacing("\n", with: "\r\n")
        let served = text("2", "    format: onnx\n")
        #expect(try Self.edit(now, like: served) == "\u{FEFF}" + served.replacing("\n", with: "\r\n"))
    }

    @Test("block texts, quotes and odd values survive")
    func oddValues() throws {
        let now =
            Self.head
            + "  model: {version: '3 # not a comment'}\n  runtime:\n    command: [a]\n    args:\n    - |\n      new\n    - x\n"
        let served =
            Self.head
            + "  model:\n    version: \"2: ''\"\n  runtime:\n    command: [a]\n    args:\n    - |\n      old\n\n      # text\n    - y\n"
        #expect(
            try Self.edit(now, like: served)
                == Self.head
                + "  model: {version: \"2: ''\"}\n  runtime:\n    command: [a]\n    args:\n    - |\n      old\n\n      # text\n    - y\n"
        )
    }

    @Test("what cannot be edited exactly is refused")
    func refusals() throws {
        let plain = Self.head + "  model: {version: \"2\"}\n  runtime: {command: [x]}\n"
        func refusal(_ text: String, _ served: String = plain) -> ManifestRevert.Refusal? {
            do throws(ManifestRevert.Refusal) {
                _ = try ManifestRevert.edit(text, of: Self.key, like: served)
                return nil
            } catch { return error }
        }
        #expect(refusal(plain) == .nothingDiffers)
        #expect(refusal("kind: List\n") == .notDescribed(file: "the manifest in git"))
        #expect(refusal(plain + "---\n" + plain) == .describedTwice)
        let inFlow = Self.head.replacing("spec:\n", with: "spec: {model: {version: \"3\"}, runtime: {command: [x]}}\n")
        #expect(refusal(inFlow) == nil)
        #expect(
            refusal(inFlow, Self.head + "  model:\n    version: \"2\"\n    format: onnx\n  runtime: {command: [x]}\n")
                == .layout)
        #expect(refusal(plain.replacing("\"2\"", with: "&v \"3\"")) == nil)
    }

    @Test("random manifests are edited back exactly, or refused", arguments: 0..<40)
    func random(seed: UInt64) throws {
        var draws = SeededRandom(seed: seed)
        var refused = 0
        for _ in 0..<50 {
            let now = Self.randomManifest(&draws)
            let served = Self.randomManifest(&draws)
            do {
                let edited = try Self.edit(now, like: served)
                let (before, after) = (Self.comments(now), Self.comments(edited))
                let result = try EditableText(edited, Self.key, file: "")
                let old = try EditableText(served, Self.key, file: "")
                #expect(
                    ManifestRevert.fields.allSatisfy { ManifestRevert.same(result.spec[$0], old.spec[$0]) },
                    "\(now)\n==\n\(served)\n==\n\(edited)")
                #expect(
                    ManifestRevert.same(
                        result.spec["replicas"], try EditableText(now, Self.key, file: "").spec["replicas"]))
                #expect(after.isSuperset(of: before.filter { $0.hasPrefix("# top") }), "\(edited)")
            } catch ManifestRevert.Refusal.nothingDiffers {
            } catch { refused += 1 }
        }
        #expect(refused == 0)
    }

    private static func comments(_ text: String) -> Set<String> {
        Set(text.split(separator: "\n").compactMap { line in line.firstIndex(of: "#").map { String(line[$0...]) } })
    }

    /// Values and layouts of block and flow style, comments and blank lines.
    private static func randomManifest(_ draws: inout SeededRandom) -> String {
        func pick(_ texts: [String]) -> String { texts[Int.random(in: 0..<texts.count, using: &draws)] }
        func quoted(_ text: String) -> String { pick(["\"\(text)\"", "'\(text)'"]) }
        var model = ["version: \(quoted(pick(["1", "2", "3 # x", "a: b"])))"]
        if Bool.random(using: &draws) { model.append("storageUri: s3://m/\(pick(["1", "2"]))") }
        if Bool.random(using: &draws) { model.append("format: \(pick(["onnx", "sklearn"]))") }
        model.shuffle(using: &draws)
        let command = "command: [serve, \(quoted(pick(["-a", "-b, c"])))]"
        let indent = pick(["  ", "    "])
        var lines = [head.trimmingSuffix("\n") + pick(["", " # spec"])]
        lines.append("\(indent)# top one")
        if Bool.random(using: &draws) {
            lines.append("\(indent)model: {\(model.joined(separator: ", "))}" + pick(["", " # m"]))
        } else {
            lines.append("\(indent)model:" + pick(["", " # m"]))
            lines += model.map { "\(indent)\(indent)\($0)" + pick(["", "  # v"]) }
        }
        lines.append("\(indent)# top two")
        if Bool.random(using: &draws) { lines.append("") }
        lines.append("\(indent)runtime:\n\(indent)\(indent)\(command)")
        if Bool.random(using: &draws) {
            lines.append("\(indent)\(indent)env:\n\(indent)\(indent)- {name: A, value: \(quoted(pick(["1", "2"])))}")
        }
        lines.append("\(indent)# top three")
        lines.append("\(indent)replicas: \(pick(["1", "2"]))")
        if Bool.random(using: &draws) {
            lines.append("\(indent)resources:\n\(indent)  limits: {cpu: \(quoted(pick(["1", "2"])))}")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension String {
    fileprivate func trimmingSuffix(_ suffix: String) -> String {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
    }
}
