package blob

import (
	"context"
	"fmt"
	"net/url"
	"slices"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/s3blob" // the scheme s3
)

// bucketSettings are what a bucket's URL may say: its region, and for another
// server than AWS its endpoint and that it wants the bucket in the path.
var bucketSettings = []string{"region", "endpoint", "use_path_style"}

// openBucket opens a bucket with the credentials of the environment, in the
// ways of the AWS SDK. It makes no call. Writing needs s3:PutObject, reading
// s3:GetObject, removing old days s3:ListBucket and s3:DeleteObject.
func openBucket(ctx context.Context, u *url.URL) (*Store, error) {
	if u.User != nil {
		return nil, fmt.Errorf("artifact store %q: credentials come by the environment, as AWS_ACCESS_KEY_ID or by a role", u.Redacted())
	}
	if u.Host == "" || u.Path != "" {
		return nil, fmt.Errorf("artifact store %q: name a bucket and nothing behind it, as s3://bucket?region=eu-central-1", u)
	}
	for name := range u.Query() {
		if !slices.Contains(bucketSettings, name) {
			return nil, fmt.Errorf("artifact store %q: %q is not known; only region, endpoint and use_path_style are", u, name)
		}
	}
	bucket, err := blob.OpenBucket(ctx, u.String())
	if err != nil {
		return nil, fmt.Errorf("opening artifact store %q: %w", u, err)
	}
	return &Store{bucket: bucket}, nil
}
