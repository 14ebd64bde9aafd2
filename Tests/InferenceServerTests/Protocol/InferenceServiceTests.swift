import Foundation
import Testing

@testable import InferenceServer

@Suite("Inference requests and answers")
struct InferenceServiceTests {
    static func service() throws -> InferenceService {
        let text = """
            {"format": "mlctl.dev/tabular/v1", "name": "m", "version": "7", "inputs": ["a", "b"],
             "features": [{"name": "log a", "value": ["log", "a"]}, "b"], "classes": ["no", "yes"],
             "estimator": {"kind": "logisticRegression", "coefficients": [[1, 1]], "intercepts": [0]}}
            """
        return InferenceService(model: try TabularModel(json: Data(text.utf8), file: "m"))
    }

    private func answer(_ body: String) throws -> (status: UInt, text: String) {
        let answer = try Self.service().infer([UInt8](body.utf8))
        return (answer.status.code, String(decoding: answer.body, as: UTF8.self))
    }

    private func tensor(shape: String = "[1,2]", datatype: String = "FP64", data: String = "[1,0]") -> String {
        #"{"inputs":[{"name":"x","shape":\#(shape),"datatype":"\#(datatype)","data":\#(data)}]}"#
    }

    @Test("an answer has the id, the model's name and version, probabilities and labels")
    func whole() throws {
        let body = #"""
            {"id": "42", "parameters": {"any": {"thing": [1]}},
             "inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP64", "data": [1, 0, 1, -100]}]}
            """#
        let expected =
            #"{"id":"42","model_name":"m","model_version":"7","outputs":["#
            + #"{"data":[0.5,0.5,1,3.7200759760208356e-44],"datatype":"FP64","name":"probabilities","shape":[2,2]},"#
            + #"{"data":["no","no"],"datatype":"BYTES","name":"label","shape":[2]}]}"#
        #expect(try answer(body) == (200, expected))
    }

    @Test("only the requested outputs are sent")
    func outputs() throws {
        let body = tensor().dropLast() + #","outputs":[{"name":"label"}]}"#
        let text = try answer(String(body)).text
        #expect(text.contains("label") && !text.contains("probabilities"))
    }

    @Test(
        "a tensor is read in every form that the protocol allows",
        arguments: [
            ("[1,2]", "FP64", "[1,0]"), ("[1,2]", "FP64", "[[1,0]]"), ("[2]", "FP64", "[1,0]"),
            ("[1,2]", "FP32", "[1.0,0.0]"), ("[1,2]", "INT64", "[1,0]"), ("[1,2]", "INT32", "[1,0]"),
        ])
    func forms(shape: String, datatype: String, data: String) throws {
        let (status, text) = try answer(tensor(shape: shape, datatype: datatype, data: data))
        #expect(status == 200)
        #expect(text.contains("[0.5,0.5]"))
    }

    @Test(
        "an invalid request gets 400 with what would be right",
        arguments: [
            ("", "not an inference"),
            ("[]", "not an inference"),
            ("{}", "lacks 'inputs'"),
            (#"{"inputs":[]}"#, "send one input tensor of shape [rows, 2]"),
            (#"{"inputs":[{"name":"x","shape":[1,2],"data":[1,0]}]}"#, "inputs[0] lacks 'datatype'"),
            (
                #"{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP64","data":"1,0"}]}"#,
                "data must be a list of numbers"
            ),
            (#"{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP64","data":[1,null]}]}"#, "data must be a list"),
            (#"{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP64","data":[1,NaN]}]}"#, "not an inference"),
            (#"{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP64","data":[1,1e999]}]}"#, "not an inference"),
            (#"{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP64","data":[1,0,0]}]}"#, "takes [rows, 2]"),
            (#"{"inputs":[{"name":"x","shape":[0,2],"datatype":"FP64","data":[]}]}"#, "takes [rows, 2]"),
            (#"{"inputs":[{"name":"x","shape":[-1,2],"datatype":"FP64","data":[]}]}"#, "takes [rows, 2]"),
            (#"{"inputs":[{"name":"x","shape":[2,2],"datatype":"FP64","data":[1,0]}]}"#, "needs 4"),
            (#"{"inputs":[{"name":"x","shape":[2,2],"datatype":"FP64","data":[[1,0],[1]]}]}"#, "not match its shape"),
            (#"{"inputs":[{"name":"x","shape":[9999,2],"datatype":"FP64","data":[1]}]}"#, "send at most 4096"),
            (
                #"{"inputs":[{"name":"x","shape":[9223372036854775807,2],"datatype":"FP64","data":[1]}]}"#,
                "at most 4096"
            ),
            (
                #"{"inputs":[{"name":"x","shape":[1,2],"datatype":"BYTES","data":[1,0]}]}"#,
                "use FP64, FP32, INT64 or INT32"
            ),
            (#"{"inputs":[{"name":"x","shape":[1,2],"datatype":"INT64","data":[1.5,0]}]}"#, "has a fraction"),
            (#"{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1e300,0]}]}"#, "range of FP32"),
            (
                #"{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP64","data":[1,0]}],"outputs":[{"name":"y"}]}"#,
                "there is no output 'y'"
            ),
        ])
    func refused(body: String, message: String) throws {
        let (status, text) = try answer(body)
        #expect(status == 400)
        #expect(text.hasPrefix(#"{"error":""#) && text.contains(message), "\(text)")
    }

    @Test("invalid UTF-8 is refused with 400")
    func encoding() throws {
        #expect(try Self.service().infer([0xFF, 0xFE, 0x7B]).status == .badRequest)
    }

    @Test("a row without an answer gets 500 with the row and the feature")
    func unscorable() throws {
        let (status, text) = try answer(tensor(shape: "[2,2]", data: "[1,0,0,0]"))
        #expect(status == 500)
        #expect(text == #"{"error":"model 'm' version '7': row 1 has no answer: feature 'log a' is -inf"}"#)
    }

    @Test("scoring ends when the server has abandoned it")
    func abandoned() throws {
        let service = try Self.service()
        service.abandon()
        #expect(service.infer([UInt8](tensor().utf8)).status == .serviceUnavailable)
    }
}
