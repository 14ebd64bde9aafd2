import ModelManifests
import Serving
import Testing

@testable import LocalServing

@Suite("What the controller knows about the proxy")
struct ProxyViewTests {
    private let key = DeploymentKey(name: "m")
    private let old = Revision(rawValue: "a")
    private let new = Revision(rawValue: "b")

    private func routes(_ weight: Int, upstreams: [String] = ["b-1"]) -> ProxyRoutes {
        ProxyRoutes(
            generation: 4,
            routes: [
                ProxyRoute(
                    deployment: key, port: 9000,
                    revisions: [
                        RevisionRoute(
                            revision: old, weight: 100 - weight, upstreams: [Upstream(instance: "a-1", port: 1)]),
                        RevisionRoute(
                            revision: new, weight: weight,
                            upstreams: upstreams.map { Upstream(instance: $0, port: 2) }),
                    ])
            ])
    }

    private func report(
        _ shares: [Int]?, generation: Int = 4, instances: [InstanceReport] = []
    ) -> ProxyReport {
        ProxyReport(
            epoch: "e", generation: generation, instances: instances,
            routes: shares.map { shares in
                [
                    RouteReport(
                        deployment: key,
                        shares: zip([old, new], shares).map { RouteReport.Share(revision: $0, percent: $1) })
                ]
            })
    }

    private func view(_ report: ProxyReport, following routes: ProxyRoutes?) -> ProxyView {
        var view = ProxyView()
        view.note(report)
        view.follow(routes)
        view.note(report)
        return view
    }

    @Test("weights are the shares that the proxy reports, not those that it was sent")
    func weights() {
        // It refused part of its routes, or the revision has no instance.
        #expect(view(report([100, 0]), following: routes(25)).share(of: key).weights == [old: 100, new: 0])
        // It follows the routes of another controller.
        #expect(
            view(report([50, 50], generation: 9), following: routes(25)).share(of: key).weights == [old: 50, new: 50])
    }

    @Test("for a proxy too old to report shares, they come from the routes that it follows, if known")
    func oldProxy() {
        #expect(view(report(nil), following: routes(25)).share(of: key).weights == [old: 75, new: 25])
        #expect(view(report(nil), following: routes(25, upstreams: [])).share(of: key).weights == [old: 100, new: 0])
        #expect(view(report(nil, generation: 9), following: routes(25)).share(of: key).weights == nil)
    }

    @Test("nothing is known about a proxy that does not answer")
    func unanswered() {
        var view = view(report([75, 25]), following: routes(25))
        view.answers = false
        #expect(view.share(of: key).weights == nil && view.share(of: key).route == nil)
    }

    @Test("an instance is drained only once the proxy itself sends it nothing")
    func drained() {
        func instance(_ id: String, inFlight: Int = 0, isListed: Bool) -> InstanceReport {
            InstanceReport(
                deployment: key, revision: new, instance: id, counters: RequestCounters(), inFlight: inFlight,
                isListed: isListed)
        }
        let view = view(
            report(
                [75, 25],
                instances: [
                    instance("b-2", isListed: true), instance("b-3", inFlight: 1, isListed: false),
                    instance("b-4", isListed: false),
                ]), following: routes(25))
        #expect(!view.isDrained("b-1") && !view.isDrained("b-2") && !view.isDrained("b-3"))
        #expect(view.isDrained("b-4") && view.isDrained("b-5"))
    }
}
