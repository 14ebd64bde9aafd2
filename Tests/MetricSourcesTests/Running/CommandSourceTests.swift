import Analysis
import Foundation
import Testing

@testable import MetricSources

/// With real processes.
@Suite("A command as a source", .timeLimit(.minutes(10)))
struct CommandSourceTests {
    private func value(_ script: String, query: String = "", timeout: Duration = .seconds(30)) async -> Measured {
        await CommandSource(command: ["/bin/sh", "-c", script.replacing("$", with: "$$")], timeout: timeout).value(
            of: query)
    }

    @Test(
        "prints a number, or JSON with a number at the query's path",
        arguments: [
            ("echo 0.25", "", 0.25), ("echo; echo ' -3e2 '", "anything at all", -300), ("echo '0.5'", "a.b", 0.5),
            (#"echo '{"a": {"b": [1, 2.5]}}'"#, "a.b[1]", 2.5), (#"echo '[[7]]'"#, "$[0][0]", 7),
            (#"printf '{\n"a": 1\n}'"#, "a", 1), ("echo noise >&2; echo 1", "", 1),
        ])
    func values(script: String, query: String, wanted: Double) async {
        #expect(await value(script, query: query) == .value(wanted))
    }

    @Test(
        "without a number gives no data",
        arguments: [
            ("true", "", "it printed nothing"), ("echo nan", "", "it printed nan"),
            ("echo -inf", "", "it printed -inf"),
            (#"echo '{"a": 1}'"#, "b", "the answer has no 'b'"),
            (#"echo '{"a": [1]}'"#, "a[1]", "the answer has no 'a[1]'"),
            (#"echo '{"a": null}'"#, "a", "the answer has no 'a'"),
        ])
    func noData(script: String, query: String, wanted: String) async {
        #expect(await value(script, query: query) == .noData(wanted))
    }

    @Test(
        "that fails gives the reason",
        arguments: [
            ("echo boom >&2; exit 3", "", "exit code 3: boom"), ("echo 1; exit 1", "", "exit code 1"),
            ("kill -9 $$", "", "it was ended by signal 9"),
            ("echo five", "", "the answer is not valid JSON"),
            (
                #"echo '{"a": "1"}'"#, "a",
                "'a' is the text '1', not a number: the endpoint must write numbers without quotes"
            ),
            (#"echo '{"a": true}'"#, "a", "'a' is true or false, not a number"),
            (#"echo '{"a": {}}'"#, "a", "'a' is an object or a list, not a number: make the path longer"),
            (#"echo '{"a": []}'"#, "a", "'a' is an object or a list, not a number: make the path longer"),
            (#"echo '{"a": 1}'"#, "a[", "the query is not a JSON path: write it as accuracy or results[0].value"),
            ("head -c 2000000 /dev/zero", "", "it printed more than 1 MiB: it must print one number"),
        ])
    func errors(script: String, query: String, wanted: String) async {
        #expect(await value(script, query: query) == .error(wanted))
    }

    @Test("that hangs is ended in time")
    func hanging() async {
        #expect(
            await value("echo 1; sleep 1000", timeout: .milliseconds(500))
                == .error("it did not end within 500ms and was ended"))
    }

    @Test("gets the query in its environment, not through a shell")
    func query() async {
        let source = CommandSource(
            command: ["/bin/sh", "-c", "test \"$1\" = \"$MLCTL_QUERY\" && echo 1", "-", "$(MLCTL_QUERY)"],
            timeout: .seconds(30))
        #expect(await source.value(of: "b; rm -rf \"$(X)\"") == .value(1))
    }

    @Test("that does not exist gives advice")
    func missing() async {
        let measured = await CommandSource(command: ["no-such-program"], environment: ["PATH": "/bin"]).value(of: "")
        #expect(
            measured
                == .error(
                    "the command no-such-program is not on PATH (/bin). Install it, or give its absolute path in `command`"
                ))
    }
}
