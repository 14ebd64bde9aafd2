import NIOHTTP1
import Testing

@testable import InferenceServer

@Suite("Routes of the Open Inference Protocol")
struct RouteTests {
    private func route(_ method: HTTPMethod, _ uri: String) -> Route {
        Route(method: method, uri: uri, modelName: "a model", modelVersion: "7")
    }

    private func status(_ route: Route) -> UInt? {
        guard case .refused(let answer) = route else { return nil }
        return answer.status.code
    }

    @Test(
        "every path of the protocol is served",
        arguments: [
            (HTTPMethod.GET, "/v2", Route.serverMetadata), (.GET, "/v2/", .serverMetadata),
            (.GET, "/v2/health/live", .live), (.GET, "/v2/health/ready", .ready),
            (.HEAD, "/v2/health/ready?x=1", .ready),
            (.GET, "/v2/models/a%20model", .modelMetadata), (.GET, "/v2/models/a%20model/ready", .modelReady),
            (.GET, "/v2/models/a%20model/versions/7/ready", .modelReady), (.POST, "/v2/models/a%20model/infer", .infer),
            (.POST, "/v2/models/a%20model/versions/7/infer", .infer), (.GET, "/metrics", .metrics),
        ])
    func found(method: HTTPMethod, uri: String, expected: Route) {
        #expect(route(method, uri) == expected)
    }

    @Test(
        "any other path gets 404",
        arguments: [
            "/", "", "*", "/v1/models/a", "/v2/models", "/v2/models/other/infer",
            "/v2/models/a%20model/versions/8/infer",
            "/v2/models/a%20model/explain", "/v2/models/a%20model/infer/more", "/%FF", "/v2/health",
        ])
    func missing(uri: String) {
        #expect(status(route(.POST, uri)) == 404)
    }

    @Test("a wrong method gets 405 with the allowed methods")
    func methods() {
        guard case .refused(let answer) = route(.GET, "/v2/models/a%20model/infer") else {
            Issue.record("GET must not infer")
            return
        }
        #expect(answer.status == .methodNotAllowed && answer.allow == "POST")
        #expect(status(route(.DELETE, "/v2/health/live")) == 405)
    }
}
