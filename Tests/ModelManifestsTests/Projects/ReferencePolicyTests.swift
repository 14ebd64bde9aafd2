import Testing

@testable import ModelManifests

@Suite("Names in a registry, under a policy")
struct ReferencePolicyTests {
    @Test(
        "a root holds every alias, version and tag of a name",
        arguments: [
            ("models:/", "models:/fraud@champion"), ("models:/fraud", "models:/fraud@champion"),
            ("models:/fraud", "models:/fraud/3"), ("runs:/", "runs:/0a1b/model"),
            ("oci://r.io/acme/fraud", "oci://r.io/acme/fraud:v1"),
            ("oci://r.io/acme/", "oci://r.io/acme/fraud@sha256:aa"), ("mlflow-artifacts:/", "mlflow-artifacts:/0/a"),
            ("az://acme/models/", "az://acme/models/a"),
        ])
    func contains(root: String, uri: String) throws {
        #expect(try #require(ModelSourceRoot(root)).contains(uri))
    }

    @Test(
        "and no other name",
        arguments: [
            ("models:/fraud", "models:/fraud2@champion"), ("models:/fraud@champion", "models:/other@champion"),
            ("oci://r.io/acme/fraud", "oci://r.io/acme/fraud2:v1"),
            ("oci://r.io/acme/fraud:v1", "oci://r.io/acme/other:v1"),
            ("runs:/0a", "runs:/0a1b/model"), ("models:/fraud", "runs:/fraud/model"),
        ])
    func others(root: String, uri: String) throws {
        #expect(try !#require(ModelSourceRoot(root)).contains(uri))
    }

    @Test("a name may lead to the model sources of the policy only, and anywhere without a policy")
    func leads() {
        var source = ModelSource(version: "1", storageURI: "models:/fraud@champion")
        #expect(source.isReference)
        #expect(source.mayLead(to: "s3://anything/x"))
        source.allowedSources = ["models:/", "s3://models/risk/"]
        #expect(source.mayLead(to: "s3://models/risk/x"))
        #expect(!source.mayLead(to: "s3://models/other/x"))
        #expect(!source.mayLead(to: "s3://models/risk/../other"))
        source.allowedSources = []
        #expect(!source.mayLead(to: "s3://models/risk/x"))
    }

    @Test("the policy's model sources are no part of a template, and name the folders of this machine")
    func identity() {
        let source = ModelSource(version: "1", storageURI: "file:/srv/models/m")
        var bounded = source
        bounded.allowedSources = ["file:/srv/models/", "s3://models/"]
        #expect(bounded == source && bounded.hashValue == source.hashValue)
        #expect(bounded.allowedFolders == ["/srv/models"] && source.allowedFolders == nil)
        bounded.version = "2"
        #expect(bounded != source)
    }
}
