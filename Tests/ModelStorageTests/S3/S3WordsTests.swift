import Foundation
import Testing

@testable import ModelStorage

struct S3LocationTests {
    @Test("a bucket, a key and a version")
    func places() throws {
        let location = try S3Location("s3://models-eu.1/fraud/a%20b/?")
        #expect(location.bucket == "models-eu.1")
        #expect(location.key == "fraud/a b")
        #expect(location.isFolder)
        #expect(try S3Location("s3://models/x?versionId=a%2Bb").version == "a+b")
        #expect(try S3Location("s3://models//x").key == "x")
    }

    @Test(
        "what a client could read as another place is refused",
        arguments: [
            "s3:models/x", "s3://models", "s3://models/", "s3://Models/x", "s3://a/x", "s3://-ab/x", "s3://a..b/x",
            "s3://models/../x", "s3://models/%2e%2e/x", "s3://models/a%2fb", "s3://models/a//b", "s3://models/./x",
            "s3://models/x#y", "s3://models/x?version=1", "s3://models/x?versionId=", "s3://models/x/?versionId=1",
            "s3://models/x?versionId=a&b=c", "s3://user:pass@models/x", "s3://models/a%00b", "s3://models/a\\b",
        ])
    func refused(uri: String) {
        let error = #expect(throws: StorageError.self) { try S3Location(uri) }
        #expect(error?.code == .unsupported)
    }
}

struct S3AnswerTests {
    @Test("a page has keys, sizes and tags, and the token of the next page")
    func page() throws {
        let text = """
            <?xml version="1.0"?><!-- x --><s3:ListBucketResult xmlns:s3="a>b"><EncodingType>url</EncodingType>
            <IsTruncated>true</IsTruncated><NextContinuationToken>n&amp;1</NextContinuationToken>
            <Contents><Key>a+b%2Bc</Key><Size>7</Size><ETag>&quot;t&#x31;&quot;</ETag><Owner/></Contents>
            </s3:ListBucketResult>
            """
        let page = try #require(S3Page(Array(text.utf8)))
        #expect(page.objects == [S3Page.Object(key: "a b+c", bytes: 7, tag: "\"t1\"")])
        #expect(page.next == "n&1")
    }

    @Test(
        "half an answer, or another one, is no page",
        arguments: [
            "", "<a/>", "<ListBucketResult>", "<ListBucketResult><Contents></ListBucketResult>",
            "<ListBucketResult>&lol;</ListBucketResult>", "<!DOCTYPE a><ListBucketResult/>", "<ListBucketResult/>x",
            "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
            String(repeating: "<a>", count: 100),
        ])
    func malformed(text: String) { #expect(S3Page(Array(text.utf8)) == nil) }

    @Test(
        "refusals become advice",
        arguments: [
            (403, "AccessDenied", true, "s3:ListBucket"), (403, "AccessDenied", false, "without keys"),
            (403, "RequestTimeTooSkewed", true, "clock"), (403, "InvalidObjectState", true, "archive tier"),
            (404, "NoSuchBucket", true, "no bucket"), (404, "NoSuchVersion", true, "no version"),
            (400, "ExpiredToken", true, "has expired"), (400, "InvalidToken", true, "not valid"),
        ])
    func refusals(status: Int, code: String, isSigned: Bool, words: String) throws {
        var head = ResponseHead()
        head.status = status
        let failure = S3Failure("<Error><Code>\(code)</Code></Error>")
        let refusal = S3Refusal(head: head, failure: failure, region: "us-east-1")
        let error = refusal.error(of: try S3Location("s3://models/x"), isSigned: isSigned) as? StorageError
        #expect(error?.message.contains(words) == true, "\(String(describing: error))")
    }

    @Test("another region is named by the header or by the body")
    func region() throws {
        var head = ResponseHead()
        for line in ["HTTP/1.1 301 Moved", "x-amz-bucket-region: eu-west-1"] { head.take(line) }
        let location = try S3Location("s3://models/x")
        let moved = S3Refusal(head: head, failure: S3Failure(""), region: "us-east-1")
        #expect(moved.error(of: location, isSigned: true) as? WrongRegion == WrongRegion(region: "eu-west-1"))
        head = ResponseHead()
        head.status = 400
        let text = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-2</Region></Error>"
        let malformed = S3Refusal(head: head, failure: S3Failure(text), region: "us-east-1")
        #expect(malformed.error(of: location, isSigned: true) as? WrongRegion == WrongRegion(region: "eu-west-2"))
    }
}

struct AWSSettingsTests {
    let fixture: StorageFixture

    init() throws { fixture = try StorageFixture() }

    private func settings(_ variables: [String: String]) throws -> AWSSettings {
        try AWSSettings(StoreEnvironment(variables, home: fixture.folder.path))
    }

    @Test("keys come from the environment first, then from a web identity, then from the files")
    func order() throws {
        try fixture.write("# c\n[default]\naws_access_key_id=A\naws_secret_access_key = B\n", to: ".aws/credentials")
        try fixture.write(
            "[profile risk]\nregion = eu-west-1\n  nested = x\n[default]\nregion=eu-north-1\n", to: ".aws/config")
        #expect(try settings([:]).credentials() == .keys(AWSKeys(id: "A", secret: "B")))
        #expect(try settings([:]).region == "eu-north-1")
        let identity = ["AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_ROLE_ARN": "r"]
        #expect(try settings(identity).credentials() == .webIdentity(tokenFile: "/t", role: "r", session: "mlctl"))
        let both = identity.merging(["AWS_ACCESS_KEY_ID": "C", "AWS_SECRET_ACCESS_KEY": "D"]) { $1 }
        #expect(try settings(both).credentials() == .keys(AWSKeys(id: "C", secret: "D")))
        #expect(try settings(["AWS_PROFILE": "risk"]).region == "eu-west-1")
        #expect(try settings(["AWS_PROFILE": "risk"]).credentials() == .unset)
    }

    @Test("a profile that is missing, half or of another kind is an error that says what to do")
    func faults() throws {
        #expect(throws: StorageError.self) { try settings(["AWS_PROFILE": "risk"]) }
        #expect(throws: StorageError.self) { try settings(["AWS_ACCESS_KEY_ID": "A"]).credentials() }
        try fixture.write("[default]\nrole_arn = r\nsource_profile = x\n", to: ".aws/config")
        let error = #expect(throws: StorageError.self) { try settings([:]).credentials() }
        #expect(error?.message.contains("'role_arn', which mlctl does not support") == true)
    }

    @Test("no text of keys, forms and authorizations shows them")
    func texts() throws {
        let keys = AWSKeys(id: "AKIA", secret: "s3cr3t", sessionToken: "t0k3n")
        let request = TransferPlan.Request(
            location: try WebLocation("https://h/x"), authorization: .signed(keys, region: "r"),
            form: WebForm(["WebIdentityToken": "t0k3n"]))
        for text in ["\(keys)", "\(request)", String(reflecting: request), "\(WebAuthorization.bearer("t0k3n"))"] {
            #expect(!text.contains("s3cr3t") && !text.contains("t0k3n"), "\(text)")
        }
    }

    @Test("an answer of STS and of a container become keys")
    func temporary() throws {
        let answer = """
            <AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>A</AccessKeyId>
            <SecretAccessKey>B</SecretAccessKey><SessionToken>C</SessionToken><Expiration>2026-11-30T20:00:00Z</Expiration>
            </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>
            """
        let end = try Date("2026-11-30T20:00:00Z", strategy: .iso8601)
        let keys = AWSKeys(id: "A", secret: "B", sessionToken: "C", expiresAt: end)
        #expect(AWSIdentity.keys(Array(answer.utf8), now: end) == keys)
        let json = #"{"AccessKeyId":"A","SecretAccessKey":"B","Token":"C","Expiration":"2026-11-30T20:00:00Z"}"#
        #expect(AWSMetadata.keys(Array(json.utf8)) == keys)
    }
}
