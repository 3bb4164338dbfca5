// The release workflow of the public forge: nothing here can run it, so its promises are looked up.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { load } from "js-yaml";
import { expect, test } from "vitest";

const WORKFLOW = fileURLToPath(new URL("../../.github/workflows/release.yml", import.meta.url));
const text = readFileSync(WORKFLOW, "utf8");

interface Workflow {
  readonly jobs: Readonly<Record<string, { readonly permissions: Readonly<Record<string, string>> }>>;
}

test("only the job that signs gets an identity", () => {
  const { jobs } = load(text) as Workflow;
  expect(
    Object.entries(jobs)
      .filter(([, job]) => job.permissions["id-token"] === "write")
      .map(([name]) => name),
  ).toEqual(["publish"]);
});

test("nothing in the image depends on when it was built", () => {
  expect(text).toMatch(/SOURCE_DATE_EPOCH=\$\(git log -1 --format=%ct\)\n\s+export SOURCE_DATE_EPOCH/);
  expect(text).toContain("rewrite-timestamp=true");
  expect(text).toContain('--build-arg "CREATED=$(git log -1 --format=%cI)"');
});

test("both architectures get an SBOM and provenance, and image and chart are signed by digest", () => {
  for (const architecture of ["amd64", "arm64"]) expect(text).toContain(`architecture: ${architecture}`);
  expect(text).toContain("--sbom=true --provenance=mode=max");
  expect([...text.matchAll(/cosign sign .*/g)].map(([line]) => line)).toEqual([
    'cosign sign --yes --recursive "$IMAGE@$digest"',
    'cosign sign --yes "$CHARTS/internode@$digest"',
  ]);
});

test("the static manifests are files of the release, with the image by the digest that was signed", () => {
  expect(text).toContain('--set "image.repository=$IMAGE" --set "image.digest=$DIGEST"');
  expect(text).toContain("DIGEST: ${{ needs.publish.outputs.digest }}");
  expect(text).toMatch(/gh release create "\$GITHUB_REF_NAME" .* dist\/internode\*\.yaml/);
});

test("what the chart's README says to verify is what the workflow signs, and the identity is the workflow's own", () => {
  const readme = readFileSync(new URL("../../chart/README.md", import.meta.url), "utf8");
  const commands = [
    ...readme.matchAll(
      /^cosign verify "([^"]+)" \\\n +--certificate-identity "([^"]+)" \\\n +--certificate-oidc-issuer (\S+)$/gm,
    ),
  ];
  const owner = "${{ github.repository_owner }}";
  const { env } = load(text) as { env: Readonly<Record<string, string>> };
  const signed = [env["IMAGE"]!, `${env["CHARTS"]!}/internode`].map(
    (name) => `${name.replace(owner, "$OWNER")}:$VERSION`,
  );
  expect(commands.map(([, image]) => image)).toEqual(signed);
  for (const [, , identity, issuer] of commands) {
    expect(identity).toBe("https://github.com/$OWNER/internode/.github/workflows/release.yml@refs/tags/v$VERSION");
    expect(issuer).toBe("https://token.actions.githubusercontent.com");
  }
  expect((load(text) as { on: { push: { tags: string[] } } }).on.push.tags).toEqual(["v[0-9]+.[0-9]+.[0-9]+"]);
});
