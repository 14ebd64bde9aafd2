import ModelManifests
import Testing

@testable import MetricSources

@Suite("A query to Prometheus")
struct PrometheusQueryTests {
    @Test("is posted as a form, so that it may be long and stays out of access logs")
    func exactText() {
        let query = PrometheusQuery(
            text: #"sum(rate(errors_total{revision="ab+c"}[1m]))"#, moments: .at(1_700_000_000.5),
            timeout: .seconds(10))
        #expect(
            query.request(to: "https://prometheus.example.com/prefix", authorization: "Bearer secret")
                == SourceRequest(
                    method: .post, url: "https://prometheus.example.com/prefix/api/v1/query",
                    headers: [
                        .init(name: "Accept", value: "application/json"),
                        .init(name: "Content-Type", value: "application/x-www-form-urlencoded"),
                        .init(name: "User-Agent", value: "mlctl"),
                        .init(name: "Authorization", value: "Bearer secret"),
                    ],
                    body: "query=sum%28rate%28errors_total%7Brevision%3D%22ab%2Bc%22%7D%5B1m%5D%29%29"
                        + "&time=1700000000.500&timeout=10000ms"))
    }

    @Test("without a time uses the server's clock, and without credentials sends none")
    func now() {
        let request = PrometheusQuery(text: "up", timeout: .milliseconds(1500))
            .request(to: "http://127.0.0.1:9090", authorization: nil)
        #expect(request.body == "query=up&timeout=1500ms")
        #expect(request.headers.map(\.name) == ["Accept", "Content-Type", "User-Agent"])
    }

    @Test("over a range ends at the time of the query")
    func range() {
        let range = MetricRange(over: .seconds(100), step: .seconds(15), reduce: .max)
        let request = PrometheusQuery(
            text: "up", moments: .range(range, untilSeconds: 1_700_000_000.5), timeout: .seconds(10)
        ).request(to: "http://p", authorization: nil)
        #expect(request.url == "http://p/api/v1/query_range")
        #expect(
            request.body
                == "query=up&start=1699999910.500&end=1700000000.500&step=15.000&timeout=10000ms")
    }
}
