import Foundation
import ModelManifests
import Serving
import Testing

@testable import MetricSources

/// Pages in the format of the servers' own libraries, shortened.
@Suite("A server's metric dialect")
struct MetricDialectTests {
    private func counters(_ dialect: RuntimeMetrics.Dialect, _ text: String) throws -> RequestCounters {
        let dialect = try #require(MetricDialect(dialect))
        return try dialect.counters(in: ExpositionText(Data(text.utf8), wanted: dialect.names))
    }

    @Test("MLServer: inference requests by their routes, without readiness and requests that the client closed")
    func mlServer() throws {
        let found = try counters(
            .mlserver,
            """
            # TYPE rest_server_requests_total counter
            rest_server_requests_total{app_name="mlserver",method="POST",path="/v2/models/{model_name}/infer",status_code="200"} 7.0
            rest_server_requests_total{app_name="mlserver",method="POST",path="/v2/models/{model_name}/infer",status_code="500"} 2.0
            rest_server_requests_total{app_name="mlserver",method="POST",path="/v2/models/{model_name}/infer",status_code="422"} 1.0
            rest_server_requests_total{app_name="mlserver",method="POST",path="/v2/models/{model_name}/infer",status_code="499"} 8.0
            rest_server_requests_total{app_name="mlserver",method="POST",path="/v2/models/{model_name}/versions/{model_version}/infer",status_code="500"} 1.0
            rest_server_requests_total{app_name="mlserver",method="GET",path="/v2/models/{model_name}/ready",status_code="200"} 4.0
            rest_server_requests_created{app_name="mlserver",method="POST",path="/v2/models/{model_name}/infer",status_code="200"} 1.7952562233752394e+09
            # TYPE rest_server_request_duration_seconds histogram
            rest_server_request_duration_seconds_bucket{app_name="mlserver",le="0.005",method="POST",path="/v2/models/{model_name}/infer",status_code="200"} 6.0
            rest_server_request_duration_seconds_bucket{app_name="mlserver",le="0.01",method="POST",path="/v2/models/{model_name}/infer",status_code="200"} 6.0
            rest_server_request_duration_seconds_bucket{app_name="mlserver",le="+Inf",method="POST",path="/v2/models/{model_name}/infer",status_code="200"} 7.0
            rest_server_request_duration_seconds_bucket{app_name="mlserver",le="0.005",method="POST",path="/v2/models/{model_name}/infer",status_code="500"} 1.0
            rest_server_request_duration_seconds_bucket{app_name="mlserver",le="0.01",method="POST",path="/v2/models/{model_name}/infer",status_code="500"} 2.0
            rest_server_request_duration_seconds_bucket{app_name="mlserver",le="+Inf",method="POST",path="/v2/models/{model_name}/infer",status_code="500"} 2.0
            rest_server_request_duration_seconds_bucket{app_name="mlserver",le="0.005",method="POST",path="/v2/models/{model_name}/infer",status_code="499"} 0.0
            rest_server_request_duration_seconds_bucket{app_name="mlserver",le="0.01",method="POST",path="/v2/models/{model_name}/infer",status_code="499"} 0.0
            rest_server_request_duration_seconds_bucket{app_name="mlserver",le="+Inf",method="POST",path="/v2/models/{model_name}/infer",status_code="499"} 8.0
            rest_server_request_duration_seconds_bucket{app_name="mlserver",le="+Inf",method="GET",path="/v2/models/{model_name}/ready",status_code="200"} 4.0
            """)
        #expect(
            found == RequestCounters(requests: 11, errors: 3, rejected: 1, latency: [7, 8, 9], bounds: [0.005, 0.01]))
    }

    @Test("BentoML: every endpoint of the service, without BentoML's own pages")
    func bentoML() throws {
        let labels = #"service_name="biopsy",service_version="x",runner_name="Biopsy""#
        let found = try counters(
            .bentoml,
            """
            bentoml_service_request_total{endpoint="/predict",http_response_code="200",\(labels)} 40.0
            bentoml_service_request_total{endpoint="/predict",http_response_code="500",\(labels)} 2.0
            bentoml_service_request_total{endpoint="/v1/explain",http_response_code="400",\(labels)} 3.0
            bentoml_service_request_total{endpoint="/livez",http_response_code="200",\(labels)} 900.0
            bentoml_service_request_total{endpoint="/",http_response_code="200",\(labels)} 1.0
            bentoml_service_request_total{endpoint="/static_content/index.css",http_response_code="200",\(labels)} 1.0
            bentoml_service_request_duration_seconds_bucket{endpoint="/predict",http_response_code="200",le="0.1",\(labels)} 39.0
            bentoml_service_request_duration_seconds_bucket{endpoint="/predict",http_response_code="200",le="+Inf",\(labels)} 40.0
            bentoml_service_request_duration_seconds_bucket{endpoint="/readyz",http_response_code="200",le="+Inf",\(labels)} 80.0
            """)
        #expect(found == RequestCounters(requests: 45, errors: 2, rejected: 3, latency: [39, 40], bounds: [0.1]))
    }

    @Test("vLLM: grouped codes of the inference routes, and the engine's own latency")
    func vLLM() throws {
        let found = try counters(
            .vllm,
            """
            http_requests_total{handler="/v1/chat/completions",method="POST",status="2xx"} 5.0
            http_requests_total{handler="/v1/chat/completions",method="POST",status="5xx"} 1.0
            http_requests_total{handler="/v1/chat/completions",method="POST",status="4xx"} 1.0
            http_requests_total{handler="/tokenize",method="POST",status="2xx"} 1.0
            http_requests_total{handler="/v1/models",method="GET",status="2xx"} 1.0
            http_requests_total{handler="none",method="GET",status="4xx"} 1.0
            vllm:e2e_request_latency_seconds_bucket{engine="0",le="0.3",model_name="m"} 2.0
            vllm:e2e_request_latency_seconds_bucket{engine="0",le="0.5",model_name="m"} 4.0
            vllm:e2e_request_latency_seconds_bucket{engine="0",le="+Inf",model_name="m"} 5.0
            vllm:request_success_total{engine="0",finished_reason="stop",model_name="m"} 5.0
            """)
        #expect(found == RequestCounters(requests: 7, errors: 1, rejected: 1, latency: [2, 4, 5], bounds: [0.3, 0.5]))
    }

    @Test("mlctl's own server: everything that it counts")
    func mlctl() throws {
        let found = try counters(
            .mlctl,
            """
            mlctl_model_requests_total{model="m",version="3",code="200"} 90
            mlctl_model_requests_total{model="m",version="3",code="404"} 4
            mlctl_model_requests_total{model="m",version="3",code="503"} 6
            mlctl_model_errors_total{model="m",version="3"} 6
            mlctl_model_request_duration_seconds_bucket{model="m",version="3",le="0.01"} 99
            mlctl_model_request_duration_seconds_bucket{model="m",version="3",le="+Inf"} 101
            """)
        #expect(found == RequestCounters(requests: 100, errors: 6, rejected: 4, latency: [99, 101], bounds: [0.01]))
    }

    @Test("before the first request the counts are zero, and for an unknown server they are unknown")
    func nothingYet() throws {
        #expect(try counters(.mlserver, "process_start_time_seconds 1\n") == RequestCounters())
        #expect(MetricDialect(.other) == nil)
    }

    @Test(
        "a value that is not a whole number of requests is refused",
        arguments: ["-1", "NaN", "+Inf", "1e300"])
    func impossible(value: String) {
        #expect(throws: SourceError.self) { try counters(.mlctl, #"mlctl_model_requests_total{code="200"} \#(value)"#) }
        #expect(throws: SourceError.self) {
            try counters(.mlctl, #"mlctl_model_request_duration_seconds_bucket{le="+Inf"} \#(value)"#)
        }
    }

    @Test("counters whose sum is too large are refused")
    func tooMuch() {
        let name = "mlctl_model_requests_total"
        #expect(throws: SourceError.self) {
            try counters(.mlctl, "\(name){code=\"200\"} 9e18\n\(name){code=\"201\"} 9e18")
        }
        let bucket = "mlctl_model_request_duration_seconds_bucket"
        #expect(throws: SourceError.self) {
            try counters(.mlctl, "\(bucket){le=\"1\",a=\"b\"} 9e18\n\(bucket){le=\"1\"} 9e18")
        }
    }

    @Test("each bucket needs a bound")
    func bounds() {
        for bucket in [#"{le="x"}"#, "", #"{le="NaN"}"#] {
            #expect(throws: SourceError.self) {
                try counters(.mlctl, "mlctl_model_request_duration_seconds_bucket\(bucket) 1")
            }
        }
    }
}
