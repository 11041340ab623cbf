package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/probefleet/probefleet/internal/alert"
)

const slackAPI = "https://slack.com/api"

// slack sends blocks of plain text, in which nothing that a stranger wrote is a
// link, a mention or a format. With a token what belongs together is a thread.
func (s *sending) slack(ctx context.Context, c alert.Slack) error {
	message := map[string]any{"text": mrkdwn(oneLine(s.m.Title, 300)), "mrkdwn": false, "blocks": s.blocks(), "unfurl_links": false, "unfurl_media": false}
	if c.Webhook != "" {
		body, err := json.Marshal(message)
		if err != nil {
			return fmt.Errorf("writing the message: %w", err)
		}
		_, err = s.post(ctx, http.MethodPost, s.fill(c.Webhook), "application/json", body, nil)
		return err
	}
	message["channel"] = c.Channel
	if s.root != "" {
		message["thread_ts"] = s.root
		message["reply_broadcast"] = s.m.Open == 0
	}
	body, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("writing the message: %w", err)
	}
	api := c.API
	if api == "" {
		api = slackAPI
	}
	answer, err := s.post(ctx, http.MethodPost, strings.TrimSuffix(api, "/")+"/chat.postMessage", "application/json; charset=utf-8", body,
		map[string]string{"Authorization": "Bearer " + s.fill(c.Token)})
	if err != nil {
		return err
	}
	var said struct {
		OK        bool   `json:"ok"`
		Error, TS string // of what went wrong; the message's name
	}
	if err := json.Unmarshal(answer, &said); err != nil {
		return errors.New("Slack's answer is not the JSON that was expected; is slack.api right?") //nolint:staticcheck // a name
	}
	if !said.OK {
		return &answerError{status: http.StatusOK, refused: said.Error == "invalid_blocks" || said.Error == "msg_too_long",
			words: "Slack refused it: " + oneLine(said.Error, 100)}
	}
	s.receipt = said.TS
	return nil
}

type object = map[string]any

func plainText(text string, most int) object {
	return object{"type": "plain_text", "text": oneLine(text, most), "emoji": false}
}

// blocks is the message in Slack's own shape, which has at most 50 blocks.
func (s *sending) blocks() []object {
	blocks := []object{{"type": "header", "text": plainText(s.m.Title, 150)}}
	if s.m.Withheld != "" {
		blocks = append(blocks, object{"type": "context", "elements": []object{plainText(s.m.Withheld, 300)}})
	}
	for i, it := range s.m.Items {
		if i == listed {
			blocks = append(blocks, object{"type": "context", "elements": []object{plainText(fmt.Sprintf("… and %d more", len(s.m.Items)-listed), 100)}})
			break
		}
		text := mark(it) + " " + oneLine(it.Line, 300) + "\n" + strings.Join(details(it), "\n")
		section := object{"type": "section", "text": object{"type": "plain_text", "text": cut(text, 2900), "emoji": false}}
		if it.URL != "" {
			section["accessory"] = object{"type": "button", "text": plainText("Look", 20), "url": it.URL}
		}
		blocks = append(blocks, section)
	}
	return blocks
}

func cut(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// mrkdwn escapes what Slack's own language would understand.
func mrkdwn(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}
