import NIOCore
import Testing

@testable import TrafficProxy

@Suite struct InferencePathTests {
    @Test(
        "paths of the Open Inference Protocol and of OpenAI's API are idempotent, also behind a prefix",
        arguments: [
            "/v2/models/m/infer", "/v2/models/m/versions/3/infer", "/serving/v2/models/m/infer", "/v1/completions",
            "/v1/chat/completions", "/openai/v1/embeddings", "/v1/audio/transcriptions",
        ])
    func idempotent(path: String) { #expect(InferencePath.isIdempotent(path[...])) }

    @Test(
        "other paths are not",
        arguments: [
            "/infer", "/v2/models//infer", "/v2/models/infer", "/v2/models/m/load", "/v2/repository/models/m/load",
            "/v2/models/m/x/3/infer", "/v2/models/m/infer/x", "/v1/chat/completions/1/cancel", "/v1/responses",
            "/v1/files",
            "/predict", "/", "",
        ])
    func others(path: String) { #expect(!InferencePath.isIdempotent(path[...])) }

    @Test("the path is read from the request as it is sent: only of POST, and without the query")
    func requests() {
        func isIdempotent(_ text: String) -> Bool { InferencePath.isIdempotent(request: ByteBuffer(string: text)) }
        #expect(isIdempotent("POST /v2/models/m/infer?a=/b HTTP/1.1\r\nhost: h\r\n\r\n"))
        #expect(!isIdempotent("POST /predict?path=/v1/completions HTTP/1.1\r\nhost: h\r\n\r\n"))
        #expect(!isIdempotent("PATCH /v2/models/m/infer HTTP/1.1\r\nhost: h\r\n\r\n"))
        #expect(!isIdempotent("") && !isIdempotent("POST"))
    }
}
