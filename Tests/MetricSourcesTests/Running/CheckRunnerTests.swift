import Analysis
import Foundation
import ModelManifests
import Testing

@testable import MetricSources

/// With real processes.
@Suite("A check's command", .timeLimit(.minutes(10)))
struct CheckRunnerTests {
    private let fixture: CheckFixture

    init() throws { fixture = try CheckFixture() }

    @Test("runs in the candidate's model folder, and is judged by its exit code, metrics and output")
    func outcome() async throws {
        try fixture.write("golden", to: "model/golden.csv")
        let outcome = await fixture.run(
            #"cat golden.csv; echo; echo '{"accuracy": 0.9}'; echo '{"accuracy": 0.95, "slices": 3, "ok": true}'; "#
                + "echo warned >&2")
        #expect(outcome.end == .exited(0))
        #expect(outcome.metrics == ["accuracy": 0.95, "slices": 3])
        let path = try #require(outcome.outputFile)
        #expect(path == "\(fixture.outputs)/payments.fraud.bbbbbbbbbb.golden-set_1.log")
        let text = try fixture.read(path)
        for line in ["golden", "warned", #"{"accuracy": 0.9}"#] {
            let isKept = text.contains(line) && outcome.outputTail.contains(line)
            #expect(isKept, "\(line)")
        }
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test("fails with any other exit code", arguments: [1, 2, 127, 255])
    func exitCode(code: Int) async {
        #expect(await fixture.run("exit \(code)").end == .exited(code))
    }

    @Test("does not run in a shell: its arguments are used as written, except $(NAME)")
    func arguments() async throws {
        let gate = CheckGate(command: ["printf", "%s|", "$(MODEL_NAME)", "$HOME", "a b", "*", "$$(X)", "; exit 3"])
        let outcome = await fixture.runner().run(CheckFixture.inquiry(modelFolder: fixture.model), gate)
        #expect(outcome.end == .exited(0))
        #expect(outcome.outputTail == "fraud|$HOME|a b|*|$(X)|; exit 3|")
    }

    @Test("may be a program in the model's own folder")
    func ownProgram() async throws {
        try fixture.write("#!/bin/sh\necho mine\n", to: "model/evaluate", isExecutable: true)
        let gate = CheckGate(command: ["./evaluate"])
        let outcome = await fixture.runner().run(CheckFixture.inquiry(modelFolder: fixture.model), gate)
        #expect(outcome.end == .exited(0))
        #expect(outcome.outputTail == "mine\n")
    }

    @Test("sees its own environment and nothing else of the controller's")
    func environment() async throws {
        let gate = CheckGate(command: ["env"], env: [EnvironmentVariable(name: "THREADS", value: .literal("2"))])
        let runner = fixture.runner(environment: ["LANG": "C", "AWS_SECRET_ACCESS_KEY": "hidden"])
        let outcome = await runner.run(CheckFixture.inquiry(modelFolder: fixture.model), gate)
        let lines = outcome.outputTail.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("PATH=") }
        #expect(
            Set(lines) == [
                "LANG=C", "THREADS=2", "MODEL_NAME=fraud", "MODEL_VERSION=2", "MODEL_DIR=\(fixture.model)",
                "MLCTL_REVISION=bbbbbbbbbb", "MLCTL_CANDIDATE_URL=http://127.0.0.1:20001",
                "MLCTL_STABLE_URL=http://127.0.0.1:20000", "MLCTL_ENDPOINT=http://127.0.0.1:9000",
            ])
    }

    @Test("gets an allowed secret, which is redacted in its output; a missing secret decides nothing")
    func secrets() async throws {
        let gate = CheckGate(
            command: ["/bin/sh", "-c", "echo token: $TOKEN; test $TOKEN = s3cret-value"],
            env: [EnvironmentVariable(name: "TOKEN", value: .secret("golden-token"))])
        let inquiry = CheckFixture.inquiry(modelFolder: fixture.model)
        let missing = await fixture.runner().run(inquiry, gate)
        #expect(
            missing.end
                == .undecided(
                    "the secret golden-token cannot be read: put its value into "
                        + "\(fixture.secrets)/golden-token (mode 0600)"))
        try fixture.write("s3cret-value\n", to: "secrets/golden-token")
        let outcome = await fixture.runner().run(inquiry, gate)
        #expect(outcome.end == .exited(0))
        #expect(outcome.outputTail == "token: ***\n")
    }

    @Test("runs in an empty folder, which is removed afterwards, if the model has none")
    func emptyFolder() async throws {
        let gate = CheckGate(command: ["/bin/sh", "-c", "ls -A; pwd; test $PWD = $MODEL_DIR && touch left"])
        let outcome = await fixture.runner().run(CheckFixture.inquiry(), gate)
        #expect(outcome.end == .exited(0))
        let folder = outcome.outputTail.trimmingCharacters(in: .newlines)
        #expect(folder.contains("/mlctl-check-"))
        #expect(!FileManager.default.fileExists(atPath: folder))
    }

    @Test(
        "that cannot be started decides nothing, and says what to do",
        arguments: [
            ("no-such-program", "is not on PATH"), ("./no-such-program", "does not exist, or is not executable"),
            ("./data.csv", "does not exist, or is not executable"), ("./no-interpreter", "does not exist"),
            ("./not-a-program", "may have no `#!` line"), ("", "is not on PATH"),
        ])
    func notStartable(name: String, words: String) async throws {
        try fixture.write("a,b\n", to: "model/data.csv")
        try fixture.write("#!/no/such/interpreter\n", to: "model/no-interpreter", isExecutable: true)
        try fixture.write("\u{1}\u{2}", to: "model/not-a-program", isExecutable: true)
        let outcome = await fixture.runner().run(
            CheckFixture.inquiry(modelFolder: fixture.model), CheckGate(command: [name]))
        guard case .undecided(let why) = outcome.end else {
            Issue.record("\(outcome.end)")
            return
        }
        let saysWhy = why.contains(words)
        #expect(saysWhy, "\(why)")
    }

    @Test("with a missing folder decides nothing")
    func missingFolder() async {
        let outcome = await fixture.runner().run(
            CheckFixture.inquiry(modelFolder: "/no/such/folder"), CheckGate(command: ["true"]))
        #expect(
            outcome.end
                == .undecided(
                    "the working folder /no/such/folder cannot be entered: check that it exists, and its owner"))
    }

    @Test("that never ends is ended in time with its output so far, and decides nothing")
    func endless() async throws {
        let outcome = await fixture.run("echo started; echo $$ > pid; sleep 1000", timeout: .seconds(1))
        #expect(
            outcome.end
                == .undecided("it did not end within 1s and was ended: raise `timeout`, or give it less work"))
        #expect(outcome.outputTail == "started\n")
        #expect(outcome.metrics == [:])
        let pid = try fixture.read("\(fixture.model)/pid").trimmingCharacters(in: .newlines)
        #expect(try await haveEnded([pid]))
    }

    @Test("that exits with 0 because it was ended in time has not passed")
    func obedient() async {
        let outcome = await fixture.run(
            "trap 'exit 0' TERM; echo '{\"accuracy\": 1}'; sleep 1000 & wait", timeout: .seconds(1))
        #expect(
            outcome.end
                == .undecided("it did not end within 1s and was ended: raise `timeout`, or give it less work"))
    }

    @Test("that forks and ignores SIGTERM is killed with everything that it started")
    func stubborn() async throws {
        let outcome = await fixture.run(
            """
            trap '' TERM
            (trap '' TERM; while :; do sleep 0.1; done) & echo $! > child
            (while :; do sleep 0.1; done) & echo $! > mild
            echo $$ > pid
            while :; do sleep 0.1; done
            """, timeout: .seconds(1))
        guard case .undecided = outcome.end else {
            Issue.record("\(outcome.end)")
            return
        }
        let pids = try ["pid", "child", "mild"].map {
            try fixture.read("\(fixture.model)/\($0)").trimmingCharacters(in: .newlines)
        }
        #expect(try await haveEnded(pids))
    }

    @Test("that ends on SIGTERM is followed by the end of a child that does not")
    func stubbornChild() async throws {
        let outcome = await fixture.run(
            "(trap '' TERM; while :; do sleep 0.1; done) & echo $! > child; sleep 1000", timeout: .seconds(1))
        guard case .undecided = outcome.end else {
            Issue.record("\(outcome.end)")
            return
        }
        let pid = try fixture.read("\(fixture.model)/child").trimmingCharacters(in: .newlines)
        #expect(try await haveEnded([pid]))
    }

    @Test("ends with its first process: processes that it leaves behind neither delay it nor stay alive")
    func leftBehind() async throws {
        let outcome = await fixture.run(
            "(trap '' TERM HUP; echo behind; sleep 1000) & echo $! > child; echo '{\"a\": 1}'; exit 0")
        #expect(outcome.end == .exited(0))
        #expect(outcome.metrics == ["a": 1])
        let pid = try fixture.read("\(fixture.model)/child").trimmingCharacters(in: .newlines)
        #expect(try await haveEnded([pid]))
    }

    @Test("that closes its output and continues is still ended in time")
    func silent() async throws {
        let outcome = await fixture.run("echo $$ > pid; exec >&- 2>&-; sleep 1000", timeout: .seconds(1))
        guard case .undecided = outcome.end else {
            Issue.record("\(outcome.end)")
            return
        }
        let pid = try fixture.read("\(fixture.model)/pid").trimmingCharacters(in: .newlines)
        #expect(try await haveEnded([pid]))
    }

    @Test("that is ended by a signal decides nothing")
    func signalled() async {
        let killed = await fixture.run("kill -9 $$")
        #expect(
            killed.end
                == .undecided(
                    "it was killed (SIGKILL), possibly because memory ran out: give it more memory or less work"))
        #expect(await fixture.run("kill -SEGV $$").end == .undecided("it was ended by signal 11"))
    }

    @Test("that prints 100 MB is read to its end: the first 4 MiB and the tail are kept, and its metrics are found")
    func loud() async throws {
        let outcome = await fixture.run(
            "head -c 100000000 /dev/zero | tr '\\0' 'x'; echo; echo '{\"accuracy\": 0.5}'; echo bye >&2",
            // Longer than any load makes it.
            timeout: .seconds(540))
        #expect(outcome.end == .exited(0))
        #expect(outcome.metrics == ["accuracy": 0.5])
        #expect(outcome.outputTail.utf8.count == CheckRecording.tailBytes)
        let isWhole = outcome.outputTail.contains("{\"accuracy\": 0.5}\n") && outcome.outputTail.contains("bye\n")
        #expect(isWhole)
        let path = try #require(outcome.outputFile)
        let kept = try Data(contentsOf: URL(fileURLWithPath: path))
        let start = Data(repeating: UInt8(ascii: "x"), count: OutputFile.bytesLimit)
        let isStart = kept.starts(with: start)
        #expect(isStart)
        #expect(kept.count < OutputFile.bytesLimit + 3 * CheckRecording.tailBytes)
        let note = String(decoding: kept.suffix(from: OutputFile.bytesLimit), as: UTF8.self)
        let dropped = 100_000_000 + 1 + 18 + 4 - OutputFile.bytesLimit
        #expect(note.hasPrefix("\n[\(dropped) bytes left out; the end of the output:]\n"))
    }

    @Test("that prints garbage has no metrics, and its output can still be shown")
    func garbage() async throws {
        let outcome = await fixture.run(
            "head -c 300000 /dev/urandom; printf '\\n{\"accuracy\": NaN}\\n{\"accuracy\": \"0.9\"}\\n{accuracy: 1}\\n{'"
        )
        #expect(outcome.end == .exited(0))
        #expect(outcome.metrics == [:])
        #expect(try JSONEncoder().encode(outcome).count < 64 << 10)
    }

    @Test("is ended when its task is cancelled, and then has no exit code")
    func cancelled() async throws {
        let fixture = fixture
        let task = Task {
            await fixture.run("trap 'exit 1' TERM; echo $$ > pid.new; mv pid.new pid; sleep 1000 & wait")
        }
        var pid = ""
        for _ in 0..<1_000 where pid.isEmpty {
            pid = (try? fixture.read("\(fixture.model)/pid").trimmingCharacters(in: .newlines)) ?? ""
            if pid.isEmpty { try await Task.sleep(for: .milliseconds(10)) }
        }
        #expect(!pid.isEmpty)
        task.cancel()
        #expect(await task.value.end == .undecided("it was ended because the controller stopped"))
        #expect(try await haveEnded([pid]))
    }

    @Test("runs even if its output cannot be stored")
    func noOutputFolder() async throws {
        try fixture.write("a file", to: "outputs")
        let outcome = await fixture.run("echo '{\"a\": 1}'")
        #expect(outcome.end == .exited(0))
        #expect(outcome.metrics == ["a": 1])
        #expect(outcome.outputFile == nil)
    }
}
