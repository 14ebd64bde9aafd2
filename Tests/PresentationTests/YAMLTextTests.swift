import ControlAPI
import Foundation
import TestSupport
import Testing

@testable import Presentation

@Suite struct YAMLTextTests {
    @Test("maps, lists and scalars in block style, quoted where YAML would misread them")
    func renders() throws {
        let json = #"""
            {"b": {"list": [1, {"x": true, "y": [[], {}]}, [2.5]], "none": null}, "a": "plain words here",
             "strings": ["", "3", "1e3", "true", "No", "~", "- x", "a: b", "a #b", "http://h:1/", "0x1F", "2026-11-21",
                         " lead", "trail ", "two\nlines", "ü", "feature-x/1.0_b"],
             "odd: key": 1}
            """#
        #expect(
            try YAMLText.render(json: Data(json.utf8)) == #"""
                a: plain words here
                b:
                  list:
                  - 1
                  - x: true
                    "y":
                    - []
                    - {}
                  - - 2.5
                  none: null
                "odd: key": 1
                strings:
                - ""
                - "3"
                - "1e3"
                - "true"
                - "No"
                - "~"
                - "- x"
                - "a: b"
                - "a #b"
                - "http://h:1/"
                - "0x1F"
                - "2026-11-21"
                - " lead"
                - "trail "
                - "two\nlines"
                - "ü"
                - feature-x/1.0_b

                """#)
    }

    @Test("a status is written completely")
    func status() throws {
        let text = try #require(try OutputFormat.yaml.document(StatusSamples.status))
        #expect(
            text.hasPrefix(
                "deployments:\n- availableSince: null\n  candidate:\n    ready: 1\n    replicas: 2\n    revision: bbbbbbbbbb\n"
            ))
        #expect(text.contains("  step:\n    count: 6\n    description: gate no-worse-errors\n    index: 3\n"))
        #expect(
            text.contains("\nsources:\n- branch: main\n  commit: \"1f0c2ab9d34e\"\n  diagnostics: []\n  error: null\n"))
    }
}
