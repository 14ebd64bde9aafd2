import Foundation
import Testing

@testable import InferenceServer

@Suite("The server's counters")
struct InferenceMetricsTests {
    @Test("requests, errors and durations are exposed in the Prometheus format")
    func exposition() {
        var metrics = InferenceMetrics()
        metrics.ended(status: 200, seconds: 0.0005)
        metrics.ended(status: 200, seconds: 0.02)
        metrics.ended(status: 400, seconds: 0.02)
        metrics.ended(status: 500, seconds: 16)
        metrics.inFlight = 2
        let text = metrics.exposition(model: "a\"b", version: "1\\2")
        let labels = #"model="a\"b",version="1\\2""#
        let expected = """
            # HELP mlctl_model_requests_total Inference requests that ended, by status code.
            # TYPE mlctl_model_requests_total counter
            mlctl_model_requests_total{L,code="200"} 2
            mlctl_model_requests_total{L,code="400"} 1
            mlctl_model_requests_total{L,code="500"} 1
            # HELP mlctl_model_errors_total Inference requests that ended with 5xx.
            # TYPE mlctl_model_errors_total counter
            mlctl_model_errors_total{L} 1
            # HELP mlctl_model_requests_in_flight Inference requests in progress.
            # TYPE mlctl_model_requests_in_flight gauge
            mlctl_model_requests_in_flight{L} 2
            # HELP mlctl_model_request_duration_seconds Time from the end of the request to its answer.
            # TYPE mlctl_model_request_duration_seconds histogram
            mlctl_model_request_duration_seconds_bucket{L,le="0.0005"} 1
            mlctl_model_request_duration_seconds_bucket{L,le="0.001"} 1
            mlctl_model_request_duration_seconds_bucket{L,le="0.0025"} 1
            mlctl_model_request_duration_seconds_bucket{L,le="0.005"} 1
            mlctl_model_request_duration_seconds_bucket{L,le="0.01"} 1
            mlctl_model_request_duration_seconds_bucket{L,le="0.025"} 3
            mlctl_model_request_duration_seconds_bucket{L,le="0.05"} 3
            mlctl_model_request_duration_seconds_bucket{L,le="0.1"} 3
            mlctl_model_request_duration_seconds_bucket{L,le="0.25"} 3
            mlctl_model_request_duration_seconds_bucket{L,le="0.5"} 3
            mlctl_model_request_duration_seconds_bucket{L,le="1.0"} 3
            mlctl_model_request_duration_seconds_bucket{L,le="2.5"} 3
            mlctl_model_request_duration_seconds_bucket{L,le="5.0"} 3
            mlctl_model_request_duration_seconds_bucket{L,le="10.0"} 3
            mlctl_model_request_duration_seconds_bucket{L,le="+Inf"} 4
            mlctl_model_request_duration_seconds_sum{L} 16.0405
            mlctl_model_request_duration_seconds_count{L} 4

            """
        #expect(text == expected.replacingOccurrences(of: "{L", with: "{" + labels))
    }
}
