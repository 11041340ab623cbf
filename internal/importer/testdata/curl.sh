# health
curl -sS -f https://shop.example/api/health
curl -X POST 'https://shop.example/api/login' \
  -H 'Content-Type: application/json' -H "X-Note: it's \"fine\"" \
  -u demo:demo --max-time 2.5 -k \
  --data-raw '{"user":"demo"}' --retry 3
curl -G -d q=tea -L shop.example/search
wget https://shop.example
curl -d @body.json https://shop.example/upload
