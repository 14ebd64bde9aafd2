import Foundation
import ModelManifests
import Testing

@testable import MetricSources

@Suite("A source's settings")
struct SourceSettingsTests {
    private func fault(_ json: String) -> String? {
        do {
            _ = try Fixtures.settings(json)
            return nil
        } catch {
            return String(describing: error)
        }
    }

    private func prometheus(_ more: String, url: String = "https://p.example.com") -> String? {
        fault(#"{"name":"p","kind":"prometheus","url":"\#(url)"\#(more)}"#)
    }

    private func web(_ more: String, url: String = "https://q.example.com/x") -> String? {
        fault(#"{"name":"q","kind":"web","url":"\#(url)"\#(more)}"#)
    }

    @Test("have the address of the source, its credentials and certificates")
    func prometheusInFull() throws {
        let settings = try Fixtures.settings(
            #"""
            {"name": "prom.eu-1", "kind": "prometheus", "url": "https://p.example.com/prefix//", "caFile": "/ca.pem",
             "bearerTokenFile": "/token", "clientCertificateFile": "/c.pem", "clientKeyFile": "/k.pem", "timeout": "2s"}
            """#)
        guard case .prometheus(let prometheus) = settings.kind else {
            Issue.record("another kind")
            return
        }
        #expect(settings.name == "prom.eu-1")
        #expect(prometheus.address.base == "https://p.example.com/prefix")
        #expect(
            prometheus.access
                == SourceAccess(
                    credentials: .bearerToken(file: "/token"), caFile: "/ca.pem", clientCertificateFile: "/c.pem",
                    clientKeyFile: "/k.pem", timeout: .seconds(2)))
        #expect(settings.kind.timeout == .seconds(2))
    }

    @Test("have safe defaults")
    func defaults() throws {
        let settings = try Fixtures.settings(
            #"{"name":"p","kind":"prometheus","url":"http://10.0.0.1:9090","caFile":null}"#)
        guard case .prometheus(let prometheus) = settings.kind else {
            Issue.record("another kind")
            return
        }
        #expect(prometheus.access == SourceAccess(credentials: .none, timeout: .seconds(10)))
    }

    @Test("of a web endpoint and of a command are read")
    func others() throws {
        let web = try Fixtures.settings(
            #"{"name":"q","kind":"web","url":"http://127.0.0.1:1/{{name}}","headers":[{"name":"A","fromFile":"/f"}]}"#)
        guard case .web(let settings) = web.kind else {
            Issue.record("another kind")
            return
        }
        #expect(settings.headers == [.init(name: "A", value: .file("/f"))])
        let command = try Fixtures.settings(#"{"name":"c","kind":"command","command":["probe","-v"],"timeout":"1m"}"#)
        guard case .command(let settings) = command.kind else {
            Issue.record("another kind")
            return
        }
        #expect(settings.command == ["probe", "-v"])
        #expect(settings.timeout == .seconds(60))
    }

    @Test("that are invalid give errors with advice")
    func faults() {
        let cases: [(String?, String)] = [
            (fault(#""p""#), "each must be an object"),
            (fault(#"{"kind":"prometheus"}"#), "name: is missing"),
            (fault(#"{"name":"a b"}"#), "'a b' must be letters"),
            (fault(#"{"name":"-a"}"#), "must be letters"),
            (fault(#"{"name":"é"}"#), "must be letters"),
            (fault(#"{"name":"proxy"}"#), "source 'proxy' is built in"),
            (fault(#"{"name":"outcomes"}"#), "built in"),
            (fault(#"{"name":"p"}"#), "source 'p': kind: is missing; write for example prometheus, web, command"),
            (fault(#"{"name":"p","kind":"graphite"}"#), "'graphite' is unknown; use one of prometheus, web, command"),
            (fault(#"{"name":"p","kind":"prometheus"}"#), "url: is missing"),
            (prometheus(#","urI":"x""#), "unknown field urI; prometheus has name, kind, url"),
            (prometheus(#","command":["x"]"#), "unknown field command"),
            (prometheus("", url: "p.example.com:9090"), "url: must be http:// or https://"),
            (prometheus("", url: "ftp://p.example.com"), "url: must be http:// or https://"),
            (prometheus("", url: "https://a:b@p.example.com"), "or basicAuth"),
            (prometheus("", url: "https://token@p.example.com"), "bearerTokenFile"),
            (prometheus("", url: "https://p.example.com/?x=1"), "without a query"),
            (prometheus("", url: "https://p.example.com/{{name}}"), "or placeholders"),
            (prometheus("", url: "https://p.example.com/#a"), "#fragment"),
            (
                prometheus(#","bearerTokenFile":"/t""#, url: "http://p.example.com"),
                "must be https, because credentials"
            ),
            (
                prometheus(#","bearerTokenFile":"/t","basicAuth":{"username":"u","passwordFile":"/p"}"#),
                "only one of them"
            ),
            (prometheus(#","basicAuth":{"username":"u"}"#), "passwordFile: is missing"),
            (
                prometheus(#","basicAuth":{"username":"u","password":"secret"}"#),
                "unknown field password; basicAuth has"
            ),
            (prometheus(#","basicAuth":{"username":"u:v","passwordFile":"/p"}"#), "must not contain ':'"),
            (prometheus(#","basicAuth":"u""#), "basicAuth: must be an object"),
            (prometheus(#","clientKeyFile":"/k""#), "one needs the other"),
            (prometheus(#","caFile":"/c","insecureSkipTLSVerify":true"#), "remove one of them"),
            (prometheus(#","caFile":"/c""#, url: "http://p.example.com"), "is http, but certificates need https"),
            (prometheus(#","insecureSkipTLSVerify":"often""#), "must be true or false"),
            (prometheus(#","timeout":"10""#), "timeout: '10' must be a duration from 100ms to 60s"),
            (prometheus(#","timeout":"1h""#), "must be a duration"),
            (prometheus(#","bearerTokenFile":["/t"]"#), "bearerTokenFile: must be text"),
            (
                web("", url: "https://q.example.com/{{team}}"),
                "{{team}} is not a known placeholder; use one of {{namespace}}"
            ),
            (web("", url: "https://{{name}}.example.com/"), "only after the host"),
            (
                web(#","headers":[{"name":"A","fromFile":"/f"}]"#, url: "http://q.example.com"),
                "must be https, because its headers"
            ),
            (web(#","headers":[{"name":"A","value":"secret"}]"#), "unknown field value; a header has name"),
            (web(#","headers":[{"name":"A"}]"#), "fromEnvironment or fromFile"),
            (
                web(#","headers":[{"name":"A","fromFile":"/f","fromEnvironment":"B"}]"#),
                "either fromEnvironment or fromFile"
            ),
            (web(#","headers":[{"name":"Host","fromFile":"/f"}]"#), "'Host' is not a header that can be set"),
            (web(#","headers":[{"name":"A: b","fromFile":"/f"}]"#), "is not a header"),
            (web(#","headers":{"name":"A"}"#), "headers: must be a list of objects"),
            (fault(#"{"name":"c","kind":"command"}"#), "command: must name a program"),
            (fault(#"{"name":"c","kind":"command","command":"probe -v"}"#), "command: must be a list of text values"),
            (fault(#"{"name":"c","kind":"command","command":["x"],"url":"https://x"}"#), "unknown field url"),
        ]
        for (found, wanted) in cases {
            #expect(found?.contains(wanted) == true, "'\(found ?? "no fault")' where '\(wanted)' was wanted")
        }
    }

    @Test("must have distinct names")
    func names() throws {
        let one = try Fixtures.settings(#"{"name":"c","kind":"command","command":["x"]}"#)
        let twice = #expect(throws: SourceSettings.Fault.self) { try SourceSettings.check([one, one]) }
        #expect(twice?.fault.description == "sources[1].name: source 'c' is defined twice: names must differ")
        #expect(throws: SourceSettings.Fault.self) { try SourceSettings.check(Array(repeating: one, count: 101)) }
        try SourceSettings.check([one])
    }
}
