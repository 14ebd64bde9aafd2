import Analysis
import Foundation
import Testing

@testable import MetricSources

@Suite struct ModelMetadataTests {
    @Test("is read in the format of the Open Inference Protocol; other members are ignored")
    func contract() throws {
        let body = Data(
            """
            {"name": "m", "versions": ["1"], "platform": "p", "parameters": {"a": [1]},
             "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4], "parameters": {}}],
             "outputs": [{"name": "p", "datatype": "FP64", "shape": [-1]}]}
            """.utf8)
        #expect(
            try ModelMetadata.contract(from: body)
                == ModelContract(
                    inputs: [.init(name: "x", datatype: "FP32", shape: [-1, 4])],
                    outputs: [.init(name: "p", datatype: "FP64", shape: [-1])]))
    }

    @Test(
        "without inputs or outputs is read, because some servers do not know them",
        arguments: ["{}", #"{"inputs": null}"#])
    func empty(body: String) throws {
        #expect(try ModelMetadata.contract(from: Data(body.utf8)) == ModelContract(inputs: [], outputs: []))
    }

    @Test(
        "that is invalid gives an error with the place",
        arguments: [
            ("", "is not JSON"), ("<html>", "is not JSON"), ("[]", "has the wrong type at ''"),
            (#"{"inputs": [{}]}"#, "has no 'inputs[0].name'"),
            (#"{"inputs": {}}"#, "has the wrong type at 'inputs'"),
            (#"{"inputs": [{"name": "x", "shape": [1]}]}"#, "has no 'inputs[0].datatype'"),
            (
                #"{"inputs": [{"name": "x", "datatype": "FP32", "shape": ["a"]}]}"#,
                "has the wrong type at 'inputs[0].shape[0]'"
            ),
            (
                #"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [-2]}]}"#,
                "has an invalid shape in inputs[0]: each entry must be a size, or -1 for any size"
            ),
            (
                #"{"inputs": [{"name": "x", "datatype": "FP32", "shape": []}, {"name": "x", "datatype": "FP32", "shape": []}]}"#,
                "names one of its inputs twice"
            ),
        ])
    func faults(body: String, wanted: String) {
        let fault = #expect(throws: ModelMetadata.Fault.self) { try ModelMetadata.contract(from: Data(body.utf8)) }
        #expect(fault?.message == wanted)
    }

    @Test("is of bounded size")
    func bounds() {
        let tensor = #"{"name": "x", "datatype": "FP32", "shape": []}"#
        let many = Data("{\"inputs\": [\(Array(repeating: tensor, count: 1_001).joined(separator: ","))]}".utf8)
        #expect(throws: ModelMetadata.Fault(message: "names more than 1000 inputs")) {
            try ModelMetadata.contract(from: many)
        }
    }
}
