import ModelManifests
import Testing

@testable import KubernetesServing

@Suite("Strategic merge")
struct StrategicMergeTests {
    @Test(
        "objects are merged, keyed lists by key, others replaced, and null removes",
        arguments: [
            (#"{"a":1,"b":{"c":2}}"#, #"{"b":{"d":3}}"#, #"{"a":1,"b":{"c":2,"d":3}}"#),
            (#"{"a":1,"b":2}"#, #"{"a":null}"#, #"{"b":2}"#),
            (
                #"{"containers":[{"name":"x","image":"1"},{"name":"y"}]}"#,
                #"{"containers":[{"name":"x","image":"2"},{"name":"z","env":null}]}"#,
                #"{"containers":[{"name":"x","image":"2"},{"name":"y"},{"name":"z"}]}"#
            ),
            (#"{"args":["a","b"]}"#, #"{"args":["c"]}"#, #"{"args":["c"]}"#),
            (#"{"tolerations":[{"key":"a"}]}"#, #"{"tolerations":[{"key":"b"}]}"#, #"{"tolerations":[{"key":"b"}]}"#),
            (#"{"a":{"b":1}}"#, #"{"a":[1]}"#, #"{"a":[1]}"#),
        ])
    func laid(base: String, patch: String, result: String) throws {
        #expect(try StrategicMerge.laid(Sample.json(patch), over: Sample.json(base)) == Sample.json(result))
    }

    @Test("applying the same patch again changes nothing")
    func twice() throws {
        let base = try Sample.json(#"{"containers":[{"name":"m","env":[{"name":"A","value":"1"}]}],"x":1}"#)
        let patch = try Sample.json(
            #"{"containers":[{"name":"m","env":[{"name":"B","value":"2"}]},{"name":"s"}],"x":null}"#)
        let once = StrategicMerge.laid(patch, over: base)
        #expect(once != base)
        #expect(StrategicMerge.laid(patch, over: once) == once)
    }
}
