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

    @Test("say where it is and how it lets itself be asked")
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

    @Test("have the defaults of a careful person")
    func defaults() throws {
        let settings = try Fixtures.settings(
            #"{"name":"p","kind":"prometheus","url":"http://10.0.0.1:9090","caFile":null}"#)
        guard case .prometheus(let prometheus) = settings.kind else {
            Issue.record("another kind")
            return
        }
        #expect(prometheus.access == SourceAccess(credentials: .none, timeout: .seconds(10)))
    }

    @Test("of a web endpoint and of a command")
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

    @Test("that cannot be right are errors that say what would be")
    func faults() {
        let cases: [(String?, String)] = [
            (fault(#""p""#), "each must be an object"),
            (fault(#"{"kind":"prometheus"}"#), "name: is missing"),
            (fault(#"{"name":"a b"}"#), "'a b' must be letters"),
            (fault(#"{"name":"-a"}"#), "must be letters"),
            (fault(#"{"name":"é"}"#), "must be letters"),
            (fault(#"{"name":"proxy"}"#), "source 'proxy' is always there"),
            (fault(#"{"name":"outcomes"}"#), "always there"),
            (fault(#"{"name":"p"}"#), "source 'p': kind: is missing, such as prometheus, web, command"),
            (fault(#"{"name":"p","kind":"graphite"}"#), "'graphite' is unknown; there are prometheus, web, command"),
            (fault(#"{"name":"p","kind":"prometheus"}"#), "url: is missing"),
            (prometheus(#","urI":"x""#), "unknown urI; prometheus has name, kind, url"),
            (prometheus(#","command":["x"]"#), "unknown command"),
            (prometheus("", url: "p.example.com:9090"), "url: must be http:// or https://"),
            (prometheus("", url: "ftp://p.example.com"), "url: must be http:// or https://"),
            (prometheus("", url: "https://a:b@p.example.com"), "or basicAuth"),
            (prometheus("", url: "https://token@p.example.com"), "bearerTokenFile"),
            (prometheus("", url: "https://p.example.com/?x=1"), "without a query"),
            (prometheus("", url: "https://p.example.com/{{name}}"), "or placeholders"),
            (prometheus("", url: "https://p.example.com/#a"), "#fragment"),
            (prometheus(#","bearerTokenFile":"/t""#, url: "http://p.example.com"), "must be https: credentials"),
            (
                prometheus(#","bearerTokenFile":"/t","basicAuth":{"username":"u","passwordFile":"/p"}"#),
                "only one of them"
            ),
            (prometheus(#","basicAuth":{"username":"u"}"#), "passwordFile: is missing"),
            (prometheus(#","basicAuth":{"username":"u","password":"secret"}"#), "unknown password; basicAuth has"),
            (prometheus(#","basicAuth":{"username":"u:v","passwordFile":"/p"}"#), "must not hold ':'"),
            (prometheus(#","basicAuth":"u""#), "basicAuth: must be an object"),
            (prometheus(#","clientKeyFile":"/k""#), "one needs the other"),
            (prometheus(#","caFile":"/c","insecureSkipTLSVerify":true"#), "leave one of them out"),
            (prometheus(#","caFile":"/c""#, url: "http://p.example.com"), "is http; certificates go with https"),
            (prometheus(#","insecureSkipTLSVerify":"often""#), "must be true or false"),
            (prometheus(#","timeout":"10""#), "timeout: '10' must be a duration from 100ms to 60s"),
            (prometheus(#","timeout":"1h""#), "must be a duration"),
            (prometheus(#","bearerTokenFile":["/t"]"#), "bearerTokenFile: must be text"),
            (web("", url: "https://q.example.com/{{team}}"), "{{team}} means nothing here; there are {{namespace}}"),
            (web("", url: "https://{{name}}.example.com/"), "after the host only"),
            (
                web(#","headers":[{"name":"A","fromFile":"/f"}]"#, url: "http://q.example.com"),
                "must be https: its headers"
            ),
            (web(#","headers":[{"name":"A","value":"secret"}]"#), "unknown value; a header has name"),
            (web(#","headers":[{"name":"A"}]"#), "fromEnvironment or fromFile"),
            (web(#","headers":[{"name":"A","fromFile":"/f","fromEnvironment":"B"}]"#), "one of them only"),
            (web(#","headers":[{"name":"Host","fromFile":"/f"}]"#), "'Host' is no header that can be set"),
            (web(#","headers":[{"name":"A: b","fromFile":"/f"}]"#), "is no header"),
            (web(#","headers":{"name":"A"}"#), "headers: must be a list of objects"),
            (fault(#"{"name":"c","kind":"command"}"#), "command: must name a program"),
            (fault(#"{"name":"c","kind":"command","command":"probe -v"}"#), "command: must be a list of texts"),
            (fault(#"{"name":"c","kind":"command","command":["x"],"url":"https://x"}"#), "unknown url"),
        ]
        for (found, wanted) in cases {
            #expect(found?.contains(wanted) == true, "'\(found ?? "no fault")' where '\(wanted)' was wanted")
        }
    }

    @Test("have names that differ")
    func names() throws {
        let one = try Fixtures.settings(#"{"name":"c","kind":"command","command":["x"]}"#)
        let twice = #expect(throws: SourceSettings.Fault.self) { try SourceSettings.check([one, one]) }
        #expect(twice?.fault.description == "sources[1].name: source 'c' is there twice: names must differ")
        #expect(throws: SourceSettings.Fault.self) { try SourceSettings.check(Array(repeating: one, count: 101)) }
        try SourceSettings.check([one])
    }
}
